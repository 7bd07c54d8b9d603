"""Reads one object of S3, or asks STS, through the program or library that the argument names.

Each is given what it needs to find this S3 (STS_HELPER_S3, plain HTTP, buckets in the path) and the
region, and looks for its credentials by itself. What it says when it fails is what its user reads.
"""

import json
import os
import sys
from urllib.parse import urlsplit

S3 = os.environ.get("STS_HELPER_S3", "")
REGION = os.environ.get("AWS_REGION", "")
BUCKET, CSV, GRID, TABLE = "bucket", "data.csv", "data.asc", "table"


def pyarrow():
    from pyarrow import fs

    s3 = fs.S3FileSystem(endpoint_override=urlsplit(S3).netloc, scheme="http", region=REGION)
    return s3.open_input_file(f"{BUCKET}/{CSV}").read()


def duckdb():
    import duckdb
    import duckdb_extension_aws
    import duckdb_extension_httpfs

    db = duckdb.connect()
    for extension in (duckdb_extension_httpfs, duckdb_extension_aws):
        name = extension.__name__.rpartition("_")[2]
        db.load_extension(f"{os.path.dirname(extension.__file__)}/extensions/v{duckdb.__version__}/{name}.duckdb_extension")
    db.sql(
        f"CREATE SECRET (TYPE s3, PROVIDER credential_chain, REGION '{REGION}',"
        f" ENDPOINT '{urlsplit(S3).netloc}', USE_SSL false, URL_STYLE 'path')"
    )
    return db.sql(f"FROM read_csv('s3://{BUCKET}/{CSV}')").fetchall()


def awscrt():
    import http.client

    from awscrt import auth, http as crt, io

    bootstrap = io.ClientBootstrap.get_or_create_static_default()
    provider = auth.AwsCredentialsProvider.new_default_chain(bootstrap)
    url = urlsplit(S3)
    request = crt.HttpRequest("GET", f"/{BUCKET}/{CSV}", crt.HttpHeaders([("Host", url.netloc)]))
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=provider,
        region=REGION,
        service="s3",
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    signed = auth.aws_sign_request(request, config).result(60)
    c = http.client.HTTPConnection(url.netloc)
    c.request("GET", signed.path, headers=dict(signed.headers))
    answer = c.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read())
    return answer.read()


def mountpoint():
    from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client

    client = MountpointS3Client(REGION, endpoint=S3, force_path_style=True)
    return b"".join(client.get_object(BUCKET, CSV))


def tensorstore():
    import tensorstore as ts

    spec = {"driver": "s3", "bucket": BUCKET, "endpoint": S3, "aws_region": REGION}
    if os.environ.get("AWS_PROFILE"):  # it does not look for the variable itself
        spec["aws_credentials"] = {"type": "default", "profile": os.environ["AWS_PROFILE"]}
    store = ts.KvStore.open(spec).result()
    answer = store.read(CSV).result()
    if answer.state != "value":
        raise RuntimeError(answer.state)
    return answer.value


def obstore():
    import obstore
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=S3, region=REGION, client_options={"allow_http": True})
    return bytes(obstore.get(store, CSV).bytes())


def deltalake():
    import deltalake

    # With an endpoint it takes S3 for another's, and does not look for credentials as for AWS's own.
    options = {"AWS_ENDPOINT_URL": S3, "AWS_ALLOW_HTTP": "true", "AWS_FORCE_CREDENTIAL_LOAD": "true"}
    table = deltalake.DeltaTable(f"s3://{BUCKET}/{TABLE}", storage_options=options)
    return table.version()


def polars():
    import polars

    options = {"aws_endpoint_url": S3, "allow_http": "true", "aws_region": REGION}
    return polars.scan_csv(f"s3://{BUCKET}/{CSV}", storage_options=options).collect()


def rasterio():
    import rasterio

    with rasterio.open(f"/vsis3/{BUCKET}/{GRID}") as grid:
        return grid.read()


def aiobotocore():
    import asyncio

    from aiobotocore.session import get_session

    async def ask():
        async with get_session().create_client("sts", region_name=REGION or None) as client:
            identity = await client.get_caller_identity()
        print(json.dumps({"arn": identity["Arn"], "account": identity["Account"]}))

    asyncio.run(ask())


def main():
    try:
        globals()[sys.argv[1]]()
    except Exception as e:  # whatever its user would see
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        sys.exit(1)


main()
