// Package persona stands for the vendor's Go SDK in tests, so that code which uses it can be compiled and run before it is
// changed. It has the interface only: its calls go to a gateway (STAND_IN_GATEWAY). Not the vendor's code.
package persona

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

type Options struct{ APIKey string }

type Persona struct{ Relays *Relays }

type Relays struct{ apiKey string }

type CreateRelayParams struct {
	ClaimType        string
	EncryptionKeyPEM *string
}

type CreateRelayResponse struct{ RelayToken, RelaySecret, RelaySessionAccessToken string }

type IssuePrivacyPassParams struct{ ClaimType string }

type IssuePrivacyPassResponse struct{ PrivacyPassToken string }

type GenerateClaimParams struct{ PrivacyPassToken, RelayToken, RelaySecret string }

type GenerateClaimResponse struct {
	ClaimPayload  string
	TokenConsumed bool
}

type PersonaError struct {
	StatusCode           int
	Title, Details, Code string
	Meta                 map[string]any
}

func (e *PersonaError) Error() string { return fmt.Sprintf("%s [%d]", e.Title, e.StatusCode) }

func New(options Options) *Persona { return &Persona{&Relays{options.APIKey}} }

func (r *Relays) Create(ctx context.Context, params CreateRelayParams) (*CreateRelayResponse, error) {
	answer, err := post(ctx, "/relays", nil, map[string]any{"claim-type": params.ClaimType, "encryption-key-pem": params.EncryptionKeyPEM})
	if err != nil {
		return nil, err
	}
	return &CreateRelayResponse{text(answer, "relay-token"), text(answer, "relay-secret"), text(answer, "relay-session-access-token")}, nil
}

func (r *Relays) IssuePrivacyPass(ctx context.Context, params IssuePrivacyPassParams) (*IssuePrivacyPassResponse, error) {
	answer, err := post(ctx, "/relays/privacy-passes", map[string]string{"Authorization": "Bearer " + r.apiKey}, map[string]any{"claim-type": params.ClaimType})
	if err != nil {
		return nil, err
	}
	return &IssuePrivacyPassResponse{text(answer, "privacy-pass-token")}, nil
}

func (r *Relays) GenerateClaim(ctx context.Context, params GenerateClaimParams) (*GenerateClaimResponse, error) {
	headers := map[string]string{"Persona-Relay-Secret": params.RelaySecret}
	answer, err := post(ctx, "/relays/"+params.RelayToken+"/redeem", headers, map[string]any{"privacy-pass-token": params.PrivacyPassToken})
	if err != nil {
		return nil, err
	}
	return &GenerateClaimResponse{text(answer, "claim-payload"), answer["token-consumed"] == true}, nil
}

func text(answer map[string]any, name string) string { return answer[name].(string) }

func post(ctx context.Context, path string, headers map[string]string, body any) (map[string]any, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("STAND_IN_GATEWAY")+path, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		first := answer["errors"].([]any)[0].(map[string]any)
		return nil, &PersonaError{StatusCode: response.StatusCode, Title: text(first, "title")}
	}
	return answer, nil
}
