// Runs templates of Modelfiles in Go, as Ollama does (template/template.go of Ollama has the variables), and compares
// what they write with what training writes. Reads the cases that templates.ts writes, from stdin.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }

type testCase struct {
	Name     string
	Template string
	Turns    []message
	Expected string
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	differ := 0
	for _, one := range cases {
		// Ollama joins what the system says, and passes all messages.
		var system []string
		for _, turn := range one.Turns {
			if turn.Role == "system" {
				system = append(system, turn.Content)
			}
		}
		var written strings.Builder
		parsed, err := template.New("").Option("missingkey=zero").Parse(one.Template)
		if err == nil {
			err = parsed.Execute(&written, map[string]any{
				"System": strings.Join(system, "\n\n"), "Messages": one.Turns, "Response": "",
			})
		}
		if err != nil || written.String() != one.Expected {
			differ++
			fmt.Printf("%s: %v\n  wrote    %q\n  expected %q\n", one.Name, err, written.String(), one.Expected)
		}
	}
	fmt.Printf("%d of %d equal\n", len(cases)-differ, len(cases))
	if differ > 0 {
		os.Exit(1)
	}
}
