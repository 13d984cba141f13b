FROM alpine
COPY --from=busybox@sha256:de68ccc327e508f44a3a150fc877a442581bb03dd53e24b418fbc425ece79d52 /a /a
