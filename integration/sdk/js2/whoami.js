// Asks STS, through version 2 of the AWS SDK for JavaScript and its default chain, whose credentials
// it has.
process.env.AWS_SDK_LOAD_CONFIG = process.env.AWS_SDK_LOAD_CONFIG || "1"; // else it reads ~/.aws/credentials alone
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const AWS = require("aws-sdk");

new AWS.STS({ endpoint: process.env.AWS_ENDPOINT_URL_STS, region: process.env.AWS_REGION || undefined })
  .getCallerIdentity()
  .promise()
  .then(
    (id) => console.log(JSON.stringify({ arn: id.Arn, account: id.Account })),
    (e) => {
      console.log(JSON.stringify({ error: `${e.name}: ${e.message}` }));
      process.exitCode = 1;
    },
  );
