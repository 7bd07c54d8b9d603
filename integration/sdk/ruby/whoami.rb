# Asks STS, through the AWS SDK for Ruby and its default chain, whose credentials it has.
require "aws-sdk-core"
require "json"

begin
  # Debian's knows no AWS_ENDPOINT_URL_STS.
  identity = Aws::STS::Client.new(endpoint: ENV.fetch("AWS_ENDPOINT_URL_STS")).get_caller_identity
  puts({ arn: identity.arn, account: identity.account }.to_json)
rescue StandardError => e
  warn "#{e.class}: #{e.message}"
  exit 1
end
