# A server without torch. The model is mounted, or copied by an image of your own:
#   docker build -t nlu-kit . && docker run -p 8000:8000 -v ./runs/latest/model:/model:ro --read-only --tmpfs /tmp nlu-kit
FROM python:3.11-slim AS build
WORKDIR /build
COPY . .
# Without what no server uses: scipy is for evaluating, hf-xet for downloads. That halves the image.
RUN python -m venv --without-pip /opt/nlu-kit \
    && pip --python /opt/nlu-kit/bin/python install --no-cache-dir --no-compile -c constraints.txt ".[serve]" \
    && pip --python /opt/nlu-kit/bin/python uninstall -y scipy hf-xet

FROM python:3.11-slim
COPY --from=build /opt/nlu-kit /opt/nlu-kit
RUN useradd --system --uid 10001 nlu-kit
USER 10001
ENV PATH=/opt/nlu-kit/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["nlu-kit", "serve", "--host", "0.0.0.0", "--drain", "5"]
CMD ["--model", "/model"]
