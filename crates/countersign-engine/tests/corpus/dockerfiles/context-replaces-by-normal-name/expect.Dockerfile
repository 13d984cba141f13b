FROM docker.io/library/alpine:latest
