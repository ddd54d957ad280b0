/** Breaks text into lines that fit a terminal. */

/** The text in lines of at most `width` columns, the second and later ones two less. */
export function wrapped(text: string, width = 78): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width - (lines.length > 0 ? 2 : 0)) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** One sentence or more, the lines after the first indented. */
export function paragraph(text: string): string[] {
  const [head = '', ...rest] = wrapped(text);
  return [head, ...rest.map((line) => `  ${line}`)];
}
