# On a CPU: docker build --tag dcase-denoise . && docker run --rm dcase-denoise, which runs the demo;
# docker run --rm dcase-denoise --test runs the tests.
FROM python:3.13-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
# Has wheels without CUDA of the same versions, which pip prefers.
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
WORKDIR /plugin
COPY . .
RUN ./run_all.sh --test --version
ENTRYPOINT ["./run_all.sh"]
CMD ["-d", "denoise", "--demo"]
