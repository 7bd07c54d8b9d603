import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;

/** Asks STS, through version 1 of the AWS SDK for Java and its default chain, whose credentials it has. */
public final class Whoami {
    public static void main(String[] args) {
        try {
            // It knows no AWS_ENDPOINT_URL, and with an endpoint takes no region from elsewhere.
            var endpoint = new EndpointConfiguration(System.getenv("AWS_ENDPOINT_URL_STS"), System.getenv("AWS_REGION"));
            var identity = AWSSecurityTokenServiceClientBuilder.standard().withEndpointConfiguration(endpoint).build()
                .getCallerIdentity(new GetCallerIdentityRequest());
            System.out.printf("{\"arn\": \"%s\", \"account\": \"%s\"}%n", identity.getArn(), identity.getAccount());
        } catch (RuntimeException e) {
            System.err.println(e);
            System.exit(1);
        }
    }
}
