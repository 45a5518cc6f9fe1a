package sdk

import "github.com/assay-cx/assay/plugins/pluginv1"

// Describe is p's description with what the SDK knows filled in: the protocol
// and the kinds, which are the interfaces that p implements.
func Describe(p Plugin) Description {
	d := p.Describe()
	d.Protocol = pluginv1.Version
	d.Kinds = kindsOf(p)
	return d
}

func kindsOf(p Plugin) []Kind {
	var kinds []Kind
	if _, ok := p.(Auth); ok {
		kinds = append(kinds, KindAuth)
	}
	if _, ok := p.(Target); ok {
		kinds = append(kinds, KindTarget)
	}
	if _, ok := p.(Sink); ok {
		kinds = append(kinds, KindSink)
	}
	if _, ok := p.(Hook); ok {
		kinds = append(kinds, KindHook)
	}
	return kinds
}
