package dist

import "math"

// Products are converted to float64 before they are added to something: that
// forbids the compiler to fuse the two, which would round differently from
// machine to machine (Go specification, "Floating-point operators").

const (
	ln2Hi = 0x1.62e42feep-1           // ln 2, its upper 32 bits
	ln2Lo = 0x1.a39ef35793c76p-33     // … and the rest
	log2e = 1.44269504088896340735992 // 1/ln 2
)

// poly evaluates a polynomial whose coefficients begin with the constant one.
func poly(x float64, c ...float64) float64 {
	v := 0.0
	for i := len(c) - 1; i >= 0; i-- {
		v = float64(v*x) + c[i]
	}
	return v
}

// exp returns e to the power of x, to about 1e-15 of the value.
func exp(x float64) float64 {
	switch {
	case x > 700:
		return math.Inf(1)
	case x < -700:
		return 0
	}
	// x = k·ln 2 + r with |r| ≤ ln 2 / 2, where the Taylor series is short.
	k := math.Floor(float64(x*log2e) + 0.5)
	r := x - float64(k*ln2Hi) - float64(k*ln2Lo)
	sum, term := 1.0, 1.0
	for i := 1.0; i <= 14; i++ {
		term = float64(term*r) / i
		sum += term
	}
	return math.Ldexp(sum, int(k))
}

// log returns the natural logarithm of x, which is above 0.
func log(x float64) float64 {
	f, k := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f, k = 2*f, k-1
	}
	// ln f = 2·artanh s with |s| ≤ 0.172.
	s := (f - 1) / (f + 1)
	s2 := float64(s * s)
	sum, power := 0.0, s
	for i := 1.0; i <= 21; i += 2 {
		sum += power / i
		power = float64(power * s2)
	}
	return float64(float64(k)*ln2Hi) + (2*sum + float64(float64(k)*ln2Lo))
}

// normalCDF returns the share of the standard normal distribution that lies
// below z, for z ≤ 0, to about 1e-13.
func normalCDF(z float64) float64 {
	if z < -38 {
		return 0
	}
	half := float64(z*z) / 2
	density := exp(-half) / math.Sqrt(2*math.Pi)
	if z > -6 {
		// Φ(z) = 1/2 + φ(z)·(z + z³/3 + z⁵/(3·5) + …)
		sum, term := z, z
		for i := 3.0; i < 250; i += 2 {
			term = float64(term*float64(z*z)) / i
			sum += term
		}
		return max(0, 0.5+float64(density*sum))
	}
	// The continued fraction of Mills' ratio: φ(z)/(x + 1/(x + 2/(x + …))).
	x := -z
	v := x
	for i := 60.0; i >= 1; i-- {
		v = x + i/v
	}
	return density / v
}

// normalQuantile is the inverse of the distribution function of the standard
// normal distribution, to about 1e-15: algorithm AS 241 (PPND16) of M. J. Wichura,
// The Percentage Points of the Normal Distribution, Applied Statistics 37 (1988).
func normalQuantile(p float64) float64 {
	q := p - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return q * poly(r, 3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
			45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727) /
			poly(r, 1, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
				21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610)
	}
	tail := p
	if q > 0 {
		tail = 1 - p
	}
	if tail <= 0 {
		return math.Inf(int(math.Copysign(1, q)))
	}
	r := math.Sqrt(-log(tail))
	var v float64
	if r <= 5 {
		r -= 1.6
		v = poly(r, 1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
			1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4) /
			poly(r, 1, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
				0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9)
	} else {
		r -= 5
		v = poly(r, 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
			0.0265321895265761230930, 0.00124266094738807843860, 2.71155556874348757815e-5, 2.01033439929228813265e-7) /
			poly(r, 1, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
				7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15)
	}
	if q < 0 {
		return -v
	}
	return v
}
