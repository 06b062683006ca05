# Two images from one file:
#   app    the service; a bundle is mounted at /srv/recfunnel/out
#   train  the one-shot job of docker-compose.yml. It holds MovieLens 100K. GroupLens does not
#          allow anyone to redistribute it: build the image where you run it, and never push it.
FROM python:3.12-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
# The dependencies without the package: this layer stays until the pins change.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
      print(*p['dependencies'], *p['optional-dependencies']['otel'], sep='\n', file=open('service.txt', 'w')); \
      print(*p['optional-dependencies']['train'], sep='\n', file=open('train.txt', 'w'))" \
 && pip install -c constraints.txt -r service.txt
COPY . .
# The kernels are compiled where they are installed, so not in the folder of the sources.
RUN pip install --no-deps . && python -m compileall -q /venv/lib \
 && cd / && python -c "from app.kernels.compiled import compile_kernels; compile_kernels(print)"

FROM builder AS train-builder
RUN pip install -c constraints.txt -r train.txt && recfunnel data get ml-100k --to /dataset

FROM python:3.12-slim AS base
# LightGBM links to the OpenMP runtime, which the slim image lacks.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 recfunnel \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin recfunnel \
 && install -d -o 10001 -g 10001 /srv/recfunnel/out /srv/recfunnel/state \
      /secrets/app /secrets/redis /secrets/prometheus /secrets/grafana
WORKDIR /srv/recfunnel
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RECFUNNEL_OUT=/srv/recfunnel/out \
    RECFUNNEL_HOST=0.0.0.0 \
    RECFUNNEL_PORT=8000
USER 10001:10001

FROM base AS train
COPY --from=train-builder /venv /venv
COPY --from=train-builder /dataset /srv/recfunnel/data
CMD ["sh", "-c", "if [ -f out/current ]; then echo 'A bundle exists already.'; else exec recfunnel train --data data/ml-100k --out out; fi"]

FROM base AS app
# A request computes on one thread. Parallelism comes from requests.
ENV OMP_NUM_THREADS=1
COPY --from=builder /venv /venv
EXPOSE 8000
# Five connections, because each may reach another worker, and all must be ready.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; [urlopen('http://127.0.0.1:8000/readyz', timeout=2).close() for _ in range(5)]"]
CMD ["recfunnel", "serve"]
