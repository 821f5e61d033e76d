// Package rules is the language in which a subscriber says which samples of a
// resource it wants, and the index that finds, among very many subscribers,
// those that want a sample. It imports the standard library only and knows
// nothing of CoAP.
//
//	value > 20 and (hum < 30 or delta >= 0.5); pmin=1s, pmax=60s
//
// A rule is an expression, which is evaluated for every sample, and controls
// behind a semicolon, which say when what it selects is sent. Both can be left
// out: the empty rule, or true, selects every sample.
//
// # What a rule looks at
//
//	value            the payload, where it is a number, a text or a truth value;
//	                 else its member "value"; of SenML the last record
//	temp, room.temp  a member of a JSON or CBOR payload, and a member of a member;
//	                 temp is also the SenML record of that name
//	$"/room/0/temp"  the same as a JSON Pointer (RFC 6901): for names that are no
//	                 identifiers, elements of arrays, and words of the language;
//	                 in a name ~ is ~0 and / is ~1
//	$"urn:dev:temp"  a SenML record (RFC 8428), by its name
//	prev.temp        the field in the sample before
//	last.temp        the field in the sample that was selected last for this
//	                 subscriber
//	delta            how far value is from last.value: abs(value - last.value)
//	age              the time since the last selection
//
// An identifier is made of the letters of ASCII, digits and _, and begins with no
// digit; capitals are others than small letters. These words are no fields, but
// behind a dot: value delta age prev last and or not in true false pmin pmax
// epmin epmax con, and the names of the calls. $"/delta" is the member "delta".
//
// A subscription begins with the sample that the resource holds: it is sent
// whatever the rule says, and is the first last. A resource that holds none has
// no last until something is selected: there delta >= 0.5 alone never is;
// "delta >= 0.5 or not has(last.value)" takes the first sample that has a value.
//
// # Constants
//
//	20, 0.5, 1e-3    numbers; digits stand on both sides of the point
//	10s, 1.5h        durations: a number and ms, s, m, h or d, without a space;
//	                 only age is compared with them
//	"on", "20 °C"    strings, as in JSON, with its escapes
//	true, false
//
// # Operators, weakest first
//
//	or   ||
//	and  &&
//	not              !x binds to what follows at once: !a == b is (!a) == b
//	== != < <= > >=  = is ==. In front of them value can be left out: > 20 and < 30
//	in               x in [1, 2, 3] and x in 1..5, both ends included
//	+ -
//	* /
//	-x
//
// Numbers are calculated with; so are durations: they are added and subtracted,
// multiplied with and divided by numbers, and age / 1m is a number. Parentheses
// hold anything: (temp > 20) == open. The elements of a list and the ends of a
// range are expressions too.
//
// A comparison is not chained: write 20 < value and value < 30, or
// value in 20..30. What is compared must be of one type: numbers, strings (by
// their bytes), durations or, with == and != only, truth values. A field has the
// type that it is compared as; a field alone, as in "open and temp > 20", is a
// truth value. Numbers are float64 and compared exactly; −0 is 0.
//
// # Calls
//
//	abs(x)            the number, or duration, without its sign
//	has(f)            the payload has the field; never unknown
//	prefix(s, "ab")   the string begins so
//	changed(x)        x is not what it was in the sample before
//	rising(c)         the condition c holds, and did not in the sample before
//	falling(c)        the condition c does not hold, and did in the sample before
//	crosses(x, t)     x was above t in the sample before or is now, but not both
//	hyst(x, on, off)  a switch: on from x >= on, off from x <= off, between them
//	                  as it was; off is not above on. It begins on only if x >= on
//
// In changed, rising, falling, crosses and hyst stand expressions of the current
// sample: no prev, last, delta, age, and none of these calls but hyst in
// changed, rising and falling. The switches are brought up to date with every
// sample, whatever else the rule says.
//
// # Unknown
//
// A condition is true, false or unknown (Kleene's logic). Unknown is what looks
// at a field that is missing (or null), at one that has another type than it is
// compared as, at prev or last before there is one, or at what is no number,
// such as 0/0. So are changed, crosses, and mostly rising and falling, in the
// first sample, which has none before it. not unknown is unknown; false and
// unknown is false; true or unknown is true. has(f) alone is true or false
// always. A rule selects a sample only if it is true. So
// "temp > 20" and "not temp > 20" both leave out a sample without temp; say
// "not has(temp)" for those.
//
// # Controls
//
//	pmin=10s   selections are at least so far apart. What is selected sooner waits
//	           for the end of pmin; the latest of it is then sent, without
//	           another look at the rule
//	pmax=1h    selections are at most so far apart: then the current sample is
//	           sent whatever the rule says
//	epmin=1s   evaluations are at least so far apart. The latest of the samples
//	           that come sooner is evaluated then
//	epmax=60s  evaluations are at most so far apart: then the current sample is
//	           evaluated once more, as if it had come again
//	con        notifications are to be confirmable
//
// Each stands once, in any order; pmax is at least pmin, epmax above epmin. They
// are those of draft-ietf-core-conditional-attributes; [FromQuery] translates its
// c.* query parameters. Periods are rounded up to milliseconds.
//
// # Recipes
//
//	> 20                                   every sample above 20
//	rising(> 20)                           once, when 20 is passed upward
//	crosses(value, 20)                     once in either direction
//	hyst(value, 30, 25)                    every sample from 30 until 25 is reached
//	rising(hyst(value, 30, 25))            once for that
//	delta >= 0.5                           when it has moved by 0.5 since the last one
//	delta >= 0.5 or age >= 10m             the same, or the first sample after 10 minutes
//	delta >= 0.5; pmax=10m                 the same, even if no sample comes
//	true; pmin=1s                          at most one sample a second
//	changed(mode) and mode != "off"
//	abs(room.temp - yard.temp) > 5
//	dev in ["a", "b"] and temp > 20
//	temp > 1.1 * prev.temp                 a jump by a tenth
//
// # Bounds
//
// A rule has at most 512 bytes ([MaxBytes], in its canonical text too), 64 nodes
// ([MaxNodes]), 16 levels ([MaxDepth]) and a static cost of 256 ([MaxCost],
// [Rule.Cost]); the rules of a resource look at 256 fields at most
// ([MaxFields]), and a server holds 64 rules of a peer unless it is configured
// otherwise. An evaluation always ends. A mistake is a [*SyntaxError]:
//
//	col 21: expected number, found string "30"
//
// # Forms
//
// [Rule.String] is the canonical text: sorted, folded, one spelling for every
// operator. Two rules with the same canonical text are the same rule.
// [Rule.Compact] is a binary form of about half the length. [ParseBytes] reads
// both.
//
// # Evaluation
//
// A [Schema] numbers the fields that the rules of a resource look at; a decoder
// (package actors/payload has one) fills these slots of a [Sample]. A [Watch] is
// one subscription: a compiled rule with its state and its controls. An [Index]
// is all the subscriptions of a resource; it gives exactly what a Watch for each
// of them gives, without looking at those that a sample cannot concern.
//
//	r, err := rules.Parse("delta >= 0.5; pmax=10m")
//	x := rules.NewIndex(rules.Config{})
//	id, err := x.Add(now, r)
//	s := rules.NewSample(x.Schema())
//	s.SetNumber(slot, 21.5)
//	result := x.Sample(now, s, nil) // who is to be sent this sample
package rules
