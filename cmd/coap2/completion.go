package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coap2/coap2/codec"
)

// completeURI helps with the beginning of a URI.
func completeURI(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var cs []cobra.Completion
	if scheme := "coap://"; len(args) == 0 && strings.HasPrefix(scheme, word) {
		cs = []cobra.Completion{scheme, scheme + "localhost/"}
	}
	return cs, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// methods are the names of the commands that make requests.
var methods = []codec.Code{codec.GET, codec.PUT, codec.POST, codec.DELETE, codec.FETCH, codec.PATCH, codec.IPATCH}

func completeMethod(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var cs []cobra.Completion
	for _, m := range methods {
		cs = append(cs, strings.ToLower(m.Name()))
	}
	return cs, cobra.ShellCompDirectiveNoFileComp
}

func completeFormat(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return formatNames("", word), cobra.ShellCompDirectiveNoFileComp
}

// formatNames returns the names of content formats that begin with word, after
// a prefix that is repeated: short ones, or numbers for formats that have none.
func formatNames(prefix, word string) []cobra.Completion {
	var cs []cobra.Completion
	offer := func(name, description string) {
		if len(name) >= len(word) && strings.EqualFold(name[:len(word)], word) {
			cs = append(cs, cobra.CompletionWithDesc(prefix+name, description))
		}
	}
	for _, name := range []string{"text", "link", "octets"} {
		f, _ := codec.ParseFormat(name)
		offer(name, f.String())
	}
	for n := range 1 << 16 {
		f := codec.Format(n)
		full, _, ok := f.MediaType()
		if !ok {
			continue
		}
		offer(fmt.Sprint(n), f.String())
		bare, _, _ := strings.Cut(full, ";")
		_, short, _ := strings.Cut(bare, "/")
		for _, name := range []string{short, bare} {
			if same, err := codec.ParseFormat(name); err == nil && same == f && (name == short || word != "") {
				offer(name, f.String())
			}
		}
	}
	return cs
}

// completeOption completes NAME=VALUE: the name, and the value where it is a
// format.
func completeOption(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if name, value, ok := strings.Cut(word, "="); ok {
		n, err := codec.ParseOptionNumber(name)
		if def, _ := n.Def(); err == nil && def.ValueKind == codec.KindFormat {
			return formatNames(name+"=", value), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var cs []cobra.Completion
	for n := range 1 << 16 {
		def, ok := codec.OptionNumber(n).Def()
		if !ok || len(def.Name) < len(word) || !strings.EqualFold(def.Name[:len(word)], word) {
			continue
		}
		name := def.Name + "="
		if def.ValueKind == codec.KindEmpty {
			name = def.Name
		}
		cs = append(cs, cobra.CompletionWithDesc(name, fmt.Sprintf("option %d, %v", n, def.ValueKind)))
	}
	return cs, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
