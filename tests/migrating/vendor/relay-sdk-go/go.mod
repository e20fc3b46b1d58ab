module github.com/persona-id/relay-sdk-go

go 1.21
