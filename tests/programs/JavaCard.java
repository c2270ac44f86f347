// A Java program that lists the readers, verifies a PIN and reads from the card in the first reader, by javax.smartcardio.
import java.util.HexFormat;
import javax.smartcardio.Card;
import javax.smartcardio.CardTerminal;
import javax.smartcardio.CommandAPDU;
import javax.smartcardio.TerminalFactory;

public class JavaCard {
    public static void main(String[] arguments) throws Exception {
        CardTerminal reader = TerminalFactory.getDefault().terminals().list().get(0);
        Card card = reader.connect("*");
        System.out.println(reader.getName() + " " + HexFormat.of().formatHex(card.getATR().getBytes()));
        byte[] pin = arguments[0].getBytes("US-ASCII");
        for (CommandAPDU command : new CommandAPDU[] {
                 new CommandAPDU(0x00, 0x20, 0x00, 0x80, pin), new CommandAPDU(0x00, 0xB0, 0x00, 0x00, 4)})
            System.out.println(HexFormat.of().formatHex(card.getBasicChannel().transmit(command).getBytes()));
        card.disconnect(false);
    }
}
