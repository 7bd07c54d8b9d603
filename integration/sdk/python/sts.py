"""Asks STS, through boto3, for one operation, with credentials and endpoint from the variables.

The operation is the first argument, in boto3's spelling, and its parameters are the second, JSON. What
comes back is printed as JSON; for an error its code, and the class that boto3's model has for it.
"""

import json
import sys

import boto3
import botocore.exceptions


def main():
    client = boto3.client("sts")
    try:
        out = getattr(client, sys.argv[1])(**json.loads(sys.argv[2]))
    except botocore.exceptions.ClientError as e:
        out = {"Code": e.response["Error"]["Code"], "Class": type(e).__name__, "Status": e.response["ResponseMetadata"]["HTTPStatusCode"]}
    print(json.dumps(out, default=str))


main()
