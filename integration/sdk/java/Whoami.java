import java.io.BufferedReader;
import java.io.InputStreamReader;
import software.amazon.awssdk.services.sts.StsClient;
import software.amazon.awssdk.services.sts.model.GetCallerIdentityResponse;

/**
 * Asks STS, through the AWS SDK for Java and its default chain, whose credentials it has. With
 * --serve it does so as often as the lines of its standard input say, with one client.
 */
public final class Whoami {
    private static StsClient client;

    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            System.exit(sign(1) ? 0 : 1);
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            sign(Integer.parseInt(line.trim()));
        }
    }

    private static boolean sign(int n) {
        long start = System.nanoTime();
        StringBuilder out = new StringBuilder("{");
        boolean ok = true;
        try {
            if (client == null) {
                client = StsClient.create();
            }
            out.append("\"region\":").append(quote(client.serviceClientConfiguration().region().id())).append(',');
            GetCallerIdentityResponse id = null;
            for (int i = 0; i < n; i++) {
                id = client.getCallerIdentity();
            }
            out.append("\"arn\":").append(quote(id.arn())).append(",\"account\":").append(quote(id.account()));
        } catch (RuntimeException e) {
            StringBuilder text = new StringBuilder();
            for (Throwable t = e; t != null; t = t.getCause()) {
                text.append(text.length() == 0 ? "" : ": ").append(t);
            }
            out.append("\"error\":").append(quote(text.toString()));
            ok = false;
        }
        out.append(",\"ms\":").append((System.nanoTime() - start) / 1_000_000).append('}');
        System.out.println(out);
        return ok;
    }

    private static String quote(String s) {
        return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ") + '"';
    }
}
