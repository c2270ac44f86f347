import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import javax.smartcardio.Card;
import javax.smartcardio.CardChannel;
import javax.smartcardio.CardException;
import javax.smartcardio.CardTerminal;
import javax.smartcardio.CommandAPDU;
import javax.smartcardio.ResponseAPDU;
import javax.smartcardio.TerminalFactory;

/**
 * A worker for workers.py with both forms of CardChannel.transmit. Each line of the input is "row capacity command
 * count". If the count is 0, it makes one exchange and prints the response in hexadecimal. Otherwise it makes this
 * number of exchanges and prints the nanoseconds for one of them. The rows "attach", "status" and "wait" make other
 * calls, see workers.py.
 */
public final class JavaLoop {
    private static CardTerminal terminal;
    private static CardChannel channel;
    private static boolean present;

    private static long buffers(ByteBuffer command, ByteBuffer response, long count) throws CardException {
        long start = System.nanoTime();
        for (long i = 0; i < count; i++) {
            command.rewind();
            response.clear();
            channel.transmit(command, response);
        }
        return System.nanoTime() - start;
    }

    private static long commands(CommandAPDU command, long count) throws CardException {
        long start = System.nanoTime();
        for (long i = 0; i < count; i++) {
            channel.transmit(command);
        }
        return System.nanoTime() - start;
    }

    private static long attachments(long count) throws CardException {
        long start = System.nanoTime();
        for (long i = 0; i < count; i++) {
            Card card = terminal.connect("*");
            card.disconnect(false);
        }
        return System.nanoTime() - start;
    }

    private static long questions(long count) throws CardException {
        long start = System.nanoTime();
        for (long i = 0; i < count; i++) {
            if (!terminal.isCardPresent()) {
                throw new CardException("no card");
            }
        }
        return System.nanoTime() - start;
    }

    private static long nextChange() throws CardException {
        boolean changed = present ? terminal.waitForCardAbsent(0) : terminal.waitForCardPresent(0);
        long now = System.nanoTime();
        present = present != changed;
        return now;
    }

    private static String answer(String row, byte[] command, int capacity, long count) throws CardException {
        if (row.equals("wait")) {
            return Long.toString(nextChange());
        }
        if (row.equals("attach") || row.equals("status")) {
            long time = row.equals("attach") ? attachments(count) : questions(count);
            return Double.toString((double) time / count);
        }
        if (channel == null) {
            channel = terminal.connect("*").getBasicChannel();
        }
        boolean withBuffers = row.equals("java-buffer");
        ByteBuffer source = ByteBuffer.wrap(command);
        ByteBuffer target = ByteBuffer.allocate(capacity);
        CommandAPDU apdu = new CommandAPDU(command);
        if (count != 0) {
            long time = withBuffers ? buffers(source, target, count) : commands(apdu, count);
            return Double.toString((double) time / count);
        }
        if (!withBuffers) {
            ResponseAPDU response = channel.transmit(apdu);
            return HexFormat.of().formatHex(response.getBytes());
        }
        int length = channel.transmit(source, target);
        return HexFormat.of().formatHex(target.array(), 0, length);
    }

    public static void main(String[] arguments) throws Exception {
        terminal = TerminalFactory.getInstance("PC/SC", null).terminals().list().get(0);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            byte[] command = HexFormat.of().parseHex(words[2]);
            try {
                System.out.println(answer(words[0], command, Integer.parseInt(words[1]), Long.parseLong(words[3])));
            } catch (CardException error) {
                Throwable reason = error.getCause() == null ? error : error.getCause();
                System.out.println("error " + reason.getMessage());
            }
        }
    }
}
