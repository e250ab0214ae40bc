/**
 * Passwords that guessers try first (NIST SP 800-63B §5.1.1.2): words and rows of keys, one
 * character again and again, and the account's own names. Short on purpose: the count of attempts
 * stops a long list from being tried, so that only its beginning has to be kept out.
 */

/** Whether a password is one of them. Case, and digits or marks at its end, change nothing. */
export function isBlocked(password: string, names: readonly string[]): boolean {
  const text = fold(password);
  if (new Set(text).size <= 2) return true;
  if (names.some((name) => name !== '' && (fold(name) === text || stem(fold(name)) === text))) {
    return true;
  }
  if (words.has(text)) return true;
  const bare = text.replace(/[\d!?.*#$@_-]+$/, '');
  return words.has(bare) && text.length - bare.length <= decorationCharsMax;
}

/** `Password123!` is `password` to every guesser. */
const decorationCharsMax = 6;

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** What stands before the @ of an address. */
function stem(name: string): string {
  return name.split('@')[0] ?? name;
}

const words: ReadonlySet<string> = new Set(
  `password passwort motdepasse contrasena passw0rd p@ssword p@ssw0rd p@ssw0rd1 password password1
  qwerty qwertyui qwertyuiop qwerty123 qwertz qwertzui qwertzuiop azertyui azertyuiop asdfghjk
  asdfghjkl zxcvbnm yxcvbnm 1q2w3e4r 1q2w3e4r5t 1qaz2wsx qazwsx qazwsxedc q1w2e3r4 zaq12wsx
  12345678 123456789 1234567890 01234567 0123456789 87654321 987654321 0987654321 11223344
  12341234 123123123 12121212 abcdefgh abcdefg abcd abc abcabc abc12345 a1b2c3d4 aa123456
  iloveyou ichliebedich sunshine princess football baseball basketball superman batman starwars
  trustno1 whatever computer internet michelle jennifer charlie monkey dragon master shadow
  letmein welcome welcome1 changeme changeit default secret administrator admin administrat root
  toor guest test testtest tester testing user username login mintmark sommer winter spring
  summer autumn january`.split(/\s+/),
);
