FROM golang@sha256:75147c1cd18edebbe5f76fd0f786b54422fec41c338ed95766399dcc6bede968 AS alpine
FROM alpine
COPY --from=alpine /a /a
