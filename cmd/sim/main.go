package main

import (
	"os"

	"github.com/coap2/coap2/cmd/internal/cli"
)

func main() {
	cli.Main(newApp(os.Stdin, os.Stdout, os.Stderr).execute)
}
