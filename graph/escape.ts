const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for the inside of an element or of a quoted attribute, in HTML and in XML. */
export function escapeText(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (character) => ENTITIES[character])
      // XML may hold no other control character, however it is written.
      .replace(/\p{Cc}|[\ufffe\uffff]/gu, (character) => ("\t\n\r".includes(character) ? character : "\ufffd"))
  );
}

/** JSON for the inside of a `script` element, which ends at the first `</script` wherever that stands. */
export function escapeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${hex(character)}`);
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, "0");
}
