# syntax=docker/dockerfile@sha256:f86143b75e5ff8b48f6ab64d61eb77856596c4a6a0264fba4d78400d85b8bfcd
# escape=`
FROM alpine@sha256:c9ef5b1f0b442255774ae31a839ff48ce1206a606a97052db8b4a13ae153fb7c
RUN x `
  && y
