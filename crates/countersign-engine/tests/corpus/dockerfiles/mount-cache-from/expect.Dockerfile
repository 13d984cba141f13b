FROM alpine@sha256:c9ef5b1f0b442255774ae31a839ff48ce1206a606a97052db8b4a13ae153fb7c
RUN --mount=type=cache,target=/c,from=busybox@sha256:de68ccc327e508f44a3a150fc877a442581bb03dd53e24b418fbc425ece79d52,id=a-$TARGETARCH \
  --mount=type=secret,id=s make
