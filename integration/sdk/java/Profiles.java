import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.profiles.Profile;
import software.amazon.awssdk.profiles.ProfileFile;

/**
 * Says what the AWS SDK for Java takes from ~/.aws/config and credentials; the form of the questions
 * and answers is that of python/profiles.py.
 */
public final class Profiles {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] f = line.split("\t", -1);
            System.setProperty("aws.configFile", f[0]);
            System.setProperty("aws.sharedCredentialsFile", f[1]);
            System.setProperty("aws.endpointUrlSts", f[4]);
            String[] answer;
            try {
                answer = says(f[0], f[1], f[2], f[3]);
            } catch (Throwable e) { // whatever its user would see
                answer = new String[] {"error", e.toString()};
            }
            String value = answer[1].replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r");
            System.out.write((answer[0] + "\t" + value + "\n").getBytes(StandardCharsets.UTF_8));
            System.out.flush();
        }
    }

    private static String[] says(String config, String credentials, String profile, String what) {
        ProfileFile.Aggregator files = ProfileFile.aggregator();
        if (Files.exists(Path.of(credentials))) {
            files.addFile(ProfileFile.builder().content(Path.of(credentials)).type(ProfileFile.Type.CREDENTIALS).build());
        }
        if (Files.exists(Path.of(config))) {
            files.addFile(ProfileFile.builder().content(Path.of(config)).type(ProfileFile.Type.CONFIGURATION).build());
        }
        ProfileFile file = files.build();
        if (what.equals("credentials")) {
            if (file.profile(profile).isEmpty()) {
                return new String[] {"missing", ""};
            }
            try (ProfileCredentialsProvider p = ProfileCredentialsProvider.builder().profileFile(file).profileName(profile).build()) {
                return new String[] {"value", p.resolveCredentials().accessKeyId()};
            }
        }
        String[] w = what.split(":", 3);
        Optional<Profile> section = w[0].equals("profile") ? file.profile(profile) : file.getSection(w[0], w[1]);
        if (section.isEmpty()) {
            return new String[] {"missing", ""};
        }
        int dot = w[2].indexOf('.');
        String value = dot < 0 ? section.get().properties().get(w[2]) : nested(section.get().properties().get(w[2].substring(0, dot)), w[2].substring(dot + 1));
        return value == null ? new String[] {"none", ""} : new String[] {"value", value};
    }

    private static String nested(String lines, String key) {
        for (String line : lines == null ? new String[0] : lines.split("\n")) {
            int i = line.indexOf('=');
            if (i > 0 && line.substring(0, i).strip().equals(key)) {
                return line.substring(i + 1).strip();
            }
        }
        return null;
    }
}
