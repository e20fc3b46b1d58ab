docker run --detach --publish 8080:8080 ghcr.io/persona-id/persona-relay-gateway:latest
