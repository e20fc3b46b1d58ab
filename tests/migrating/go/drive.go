package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// main is `start ORDER` or `finish RELAY`: calls the platform's code and prints what came of it as JSON.
func main() {
	ctx := context.Background()
	if os.Args[1] == "start" {
		relay, err := start(ctx, os.Args[2])
		show(relay, err)
	} else {
		over18, err := finish(ctx, read(start, os.Args[2]))
		show(over18, err)
	}
}

// read makes what start answers of JSON, whatever its type is.
func read[T any](_ func(context.Context, string) (*T, error), text string) *T {
	value := new(T)
	if err := json.Unmarshal([]byte(text), value); err != nil {
		panic(err)
	}
	return value
}

func show(value any, err error) {
	outcome := map[string]any{"value": value}
	if err != nil {
		outcome = map[string]any{"error": err.Error(), "notReady": err == errNotReady}
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcome); err != nil {
		panic(fmt.Sprint(err))
	}
}
