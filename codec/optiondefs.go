package codec

// Option numbers: RFC 7252 §5.10, RFC 7641, RFC 7959, RFC 7967, RFC 8613,
// RFC 8768, RFC 9175 and the CoAP 2 profile.
const (
	OptionIfMatch        OptionNumber = 1
	OptionURIHost        OptionNumber = 3
	OptionETag           OptionNumber = 4
	OptionIfNoneMatch    OptionNumber = 5
	OptionObserve        OptionNumber = 6
	OptionURIPort        OptionNumber = 7
	OptionLocationPath   OptionNumber = 8
	OptionOSCORE         OptionNumber = 9
	OptionURIPath        OptionNumber = 11
	OptionContentFormat  OptionNumber = 12
	OptionMaxAge         OptionNumber = 14
	OptionURIQuery       OptionNumber = 15
	OptionHopLimit       OptionNumber = 16
	OptionAccept         OptionNumber = 17
	OptionLocationQuery  OptionNumber = 20
	OptionBlock2         OptionNumber = 23
	OptionBlock1         OptionNumber = 27
	OptionSize2          OptionNumber = 28
	OptionProxyURI       OptionNumber = 35
	OptionProxyScheme    OptionNumber = 39
	OptionSize1          OptionNumber = 60
	OptionEcho           OptionNumber = 252
	OptionNoResponse     OptionNumber = 258
	OptionRequestTag     OptionNumber = 292
	OptionDiscovery      OptionNumber = 300 // CoAP 2: a discovery's query, or the answering node's name
	OptionDiscoveryRound OptionNumber = 316 // CoAP 2: pacing and silencing, or the instance ID
	OptionNotification   OptionNumber = 400 // CoAP 2: the number of a subscription
	OptionRule           OptionNumber = 410 // CoAP 2: the rule of a subscription
)
