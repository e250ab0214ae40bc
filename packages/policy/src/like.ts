/** `like`: pieces of text with wildcards between them, each for any text or none. */
export function likeMatcher(pieces: readonly string[]): (text: string) => boolean {
  const head = pieces[0]!;
  if (pieces.length === 1) return (text) => text === head;
  const tail = pieces.at(-1)!;
  const inner = pieces.slice(1, -1).filter((piece) => piece !== '');
  const fixed = head.length + tail.length;
  if (inner.length === 0) {
    return (text) => text.length >= fixed && text.startsWith(head) && text.endsWith(tail);
  }
  return (text) => {
    if (text.length < fixed || !text.startsWith(head) || !text.endsWith(tail)) return false;
    // The earliest place for each piece leaves the most room for those behind it.
    const end = text.length - tail.length;
    let at = head.length;
    for (const piece of inner) {
      const found = text.indexOf(piece, at);
      if (found === -1 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}
