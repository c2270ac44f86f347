import java.util.HexFormat;
import javax.smartcardio.Card;
import javax.smartcardio.CommandAPDU;
import javax.smartcardio.TerminalFactory;

/** Reads the serial number of the card in the first reader, for docs/testing-in-ci.md. */
public final class ReadSerial {
    public static void main(String[] arguments) throws Exception {
        Card card = TerminalFactory.getDefault().terminals().list().get(0).connect("T=1");
        byte[] data = card.getBasicChannel().transmit(new CommandAPDU(0x00, 0xCA, 1, 1, 256)).getData();
        System.out.println(HexFormat.of().withUpperCase().formatHex(data));
    }
}
