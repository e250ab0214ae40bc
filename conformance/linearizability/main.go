// Judges histories of refresh token families with Porcupine, an independent checker of
// linearizability: the same model as packages/authority/src/refresh-histories.suite.ts, written a
// second time. Reads files of JSON lines; exits 1 where a history cannot have happened.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/anishathalye/porcupine"
)

type input struct {
	Do    string `json:"do"`
	Token string `json:"token"`
}

type call struct {
	Input      input   `json:"input"`
	Output     string  `json:"output"`
	CalledAt   float64 `json:"calledAt"`
	ReturnedAt float64 `json:"returnedAt"`
}

type history struct {
	First string `json:"first"`
	Calls []call `json:"calls"`
}

type family struct {
	current, before string
	ended           bool
}

func step(state, in, out interface{}) (bool, interface{}) {
	was, asked, got := state.(family), in.(input), out.(string)
	if asked.Do == "revoke" {
		return got == "done", family{was.current, was.before, true}
	}
	refused := got == "refused"
	switch {
	case was.ended:
		return refused, was
	case asked.Token == was.current:
		isNew := !refused && got != was.current && got != was.before
		return isNew, family{got, was.current, false}
	case asked.Token == was.before:
		return got == was.current, was
	default:
		return refused, family{was.current, was.before, true}
	}
}

func modelOf(first string) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return family{current: first} },
		Step: step,
	}
}

// Milliseconds with fractions, as whole nanoseconds.
func nanoseconds(ms float64) int64 { return int64(ms * 1e6) }

func judge(path string) (families, calls, impossible int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var one history
		if err = json.Unmarshal(lines.Bytes(), &one); err != nil {
			return
		}
		var operations []porcupine.Operation
		for i, made := range one.Calls {
			operations = append(operations, porcupine.Operation{
				ClientId: i, Input: made.Input, Output: made.Output,
				Call: nanoseconds(made.CalledAt), Return: nanoseconds(made.ReturnedAt),
			})
		}
		families++
		calls += len(operations)
		if !porcupine.CheckOperations(modelOf(one.First), operations) {
			impossible++
			fmt.Printf("cannot have happened: %s\n", lines.Text())
		}
	}
	return families, calls, impossible, lines.Err()
}

func main() {
	bad := false
	for _, path := range os.Args[1:] {
		families, calls, impossible, err := judge(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Printf("%s: %d families, %d calls, %d cannot have happened\n", path, families, calls, impossible)
		bad = bad || impossible > 0 || calls == 0
	}
	if bad || len(os.Args) < 2 {
		os.Exit(1)
	}
}
