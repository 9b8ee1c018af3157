# One image for every role: `dunning web`, `dunning worker`, `dunning db upgrade`, …
FROM python:3.11-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/dunning
ENV PATH=/opt/dunning/bin:$PATH

WORKDIR /src
COPY requirements/main.txt requirements/main.txt
RUN pip install --require-hashes -r requirements/main.txt

COPY . .
RUN pip install --no-deps .


FROM python:3.11-slim

RUN useradd --uid 10001 --create-home dunning
COPY --from=build /opt/dunning /opt/dunning
ENV PATH=/opt/dunning/bin:$PATH PYTHONUNBUFFERED=1

USER dunning
WORKDIR /home/dunning
EXPOSE 8080
ENTRYPOINT ["dunning"]
CMD ["web"]
