FROM alpine@sha256:c9ef5b1f0b442255774ae31a839ff48ce1206a606a97052db8b4a13ae153fb7c
COPY --from=scratch / /x/
