package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"

	persona "github.com/persona-id/relay-sdk-go"
)

const claimType = "age_over18_united_kingdom"

var errNotReady = errors.New("the person is not done yet")

var client = persona.New(persona.Options{APIKey: os.Getenv("PERSONA_API_KEY")})

func start(ctx context.Context, order string) (*persona.CreateRelayResponse, error) {
	relay, err := client.Relays.Create(ctx, persona.CreateRelayParams{ClaimType: claimType})
	if err != nil {
		return nil, err
	}
	log.Printf("order %s: %s", order, relay.RelayToken)
	return relay, nil
}

func finish(ctx context.Context, relay *persona.CreateRelayResponse) (over18 bool, err error) {
	issued, err := client.Relays.IssuePrivacyPass(ctx, persona.IssuePrivacyPassParams{ClaimType: claimType})
	if err != nil {
		return false, err
	}
	claim, err := client.Relays.GenerateClaim(ctx, persona.GenerateClaimParams{
		RelayToken: relay.RelayToken, RelaySecret: relay.RelaySecret, PrivacyPassToken: issued.PrivacyPassToken,
	})
	var refused *persona.PersonaError
	if errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden {
		return false, errNotReady
	}
	if err != nil {
		return false, err
	}
	var said struct {
		Result string `json:"claim_result"`
	}
	err = json.Unmarshal([]byte(claim.ClaimPayload), &said)
	return said.Result == "passed", err
}
