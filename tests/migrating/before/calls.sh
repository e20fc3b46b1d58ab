GATEWAY=http://localhost:8080
AUTH="Authorization: Bearer $PERSONA_API_KEY"
JSON='Content-Type: application/json'
field() { node -pe "JSON.parse(fs.readFileSync(0))['$1']"; }

CREATED=$(curl "$GATEWAY/relays" -H "$JSON" \
  -d '{"claim-type": "age_over18_germany", "encryption-key-pem": null}')
RELAY=$(field relay-token <<< "$CREATED")
SECRET=$(field relay-secret <<< "$CREATED")

PASS=$(curl "$GATEWAY/relays/privacy-passes" -H "$JSON" -H "$AUTH" \
  -d '{"claim-type": "age_over18_germany"}' | field privacy-pass-token)

# Once the person has verified:
curl "$GATEWAY/relays/$RELAY/redeem" -H "$JSON" -H "Persona-Relay-Secret: $SECRET" \
  -d '{"privacy-pass-token": "'"$PASS"'"}'
