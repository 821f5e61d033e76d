package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that the command can complete itself in.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// CompletionCommand makes the command that prints what makes a shell complete the
// words of the command; what says which these are.
func (a *App) CompletionCommand(what string) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what makes a shell complete " + what,
		Long: `Print a script that makes a shell complete the words of ` + a.Name + `:
` + what + `. SHELL is bash, zsh, fish or powershell. To
try it in the present shell, have it read the script; to keep it, put it where
the shell looks for such scripts.`,
		Example: strings.ReplaceAll(`  source <(NAME completion bash)
  NAME completion bash > ~/.local/share/bash-completion/completions/NAME
  NAME completion zsh > "${fpath[1]}/_NAME"
  NAME completion fish > ~/.config/fish/completions/NAME.fish
  NAME completion powershell | Out-String | Invoke-Expression`, "NAME", a.Name),
		ValidArgs:             shells,
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("completion needs the name of one shell: %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			generate, ok := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return cmd.Root().GenBashCompletionV2(w, true) },
				"zsh":        cmd.Root().GenZshCompletion,
				"fish":       func(w io.Writer) error { return cmd.Root().GenFishCompletion(w, true) },
				"powershell": cmd.Root().GenPowerShellCompletionWithDesc,
			}[args[0]]
			if !ok {
				return fmt.Errorf("there is no completion for %q; the shells are %s", args[0], strings.Join(shells, ", "))
			}
			if err := generate(a.Out); err != nil {
				return Exit(a.ExitOutput, fmt.Errorf("output: %w", err))
			}
			return nil
		},
	}
}

// Complete says how the value of a flag is completed.
func Complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag is missing: a mistake of ours
	}
}

// Nothing is for words that only the user knows; they are no files either.
func Nothing(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
