// Text of a real session as a picture: an SVG of one panel, light and dark, without a font or an address of anybody
// else's. A line is wrapped as a narrow terminal wraps it, so that it can be read on a telephone.

export interface Line {
  readonly text: string;
  /** A class of the style below. */
  readonly kind: 'plain' | 'typed' | 'good' | 'bad' | 'faint';
  /** What of its end is set apart: the answer behind a question. */
  readonly answer?: string;
}

const EM = 8.0; // a column of 13 px
const ROW = 19;
const MARGIN = 16;
const HEAD = 38;

const STYLE = `
    .back { fill: #f6f8fa; stroke: #d1d9e0 }
    .bar { stroke: #d1d9e0 }
    text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
    .title { font: 600 14px system-ui, sans-serif; fill: #1f2328 }
    .plain { fill: #1f2328 }
    .typed { fill: #0550ae }
    .good { fill: #116329; font-weight: 600 }
    .bad { fill: #a40e26; font-weight: 600 }
    .faint { fill: #59636e }
    @media (prefers-color-scheme: dark) {
      .back { fill: #151b23; stroke: #3d444d }
      .bar { stroke: #3d444d }
      .title, .plain { fill: #f0f6fc }
      .typed { fill: #79c0ff }
      .good { fill: #7ee787 }
      .bad { fill: #ff9492 }
      .faint { fill: #9198a1 }
    }
  `;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Broken at words where that can be, else where the column ends. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  const indent = /^ */.exec(text)?.[0] ?? '';
  while (rest.length > columns) {
    const space = rest.lastIndexOf(' ', columns);
    const at = space > indent.length + 2 ? space : columns;
    lines.push(rest.slice(0, at));
    rest = `${indent}  ${rest.slice(at).trimStart()}`;
  }
  return [...lines, rest];
}

/** @param columns the width in characters; a height that is asked for is at least what the lines need */
export function panel(title: string, lines: readonly Line[], columns: number, rows = 0): string {
  const broken = lines.flatMap((line) => wrap(line.text, columns).map((text) => ({ ...line, text })));
  const width = Math.ceil(columns * EM + 2 * MARGIN);
  const height = HEAD + Math.max(broken.length, rows) * ROW + MARGIN + 4;
  const text = broken.map(({ text: all, kind, answer }, i) => {
    const [head, tail] =
      answer !== undefined && answer !== '' && all.endsWith(answer)
        ? [all.slice(0, -answer.length), answer]
        : [all, ''];
    const said = tail === '' ? '' : `<tspan class="typed">${escaped(tail)}</tspan>`;
    return `  <text class="${kind}" x="${MARGIN}" y="${HEAD + MARGIN + 4 + i * ROW}" xml:space="preserve">${escaped(head)}${said}</text>`;
  });
  const label = escaped(lines.map((line) => line.text).join(' / '));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t d">
  <title id="t">${escaped(title)}</title>
  <desc id="d">${label}</desc>
  <style>${STYLE}</style>
  <rect class="back" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
  <path class="bar" d="M0.5 ${HEAD}.5 H${width - 0.5}"/>
  <text class="title" x="${MARGIN}" y="25">${escaped(title)}</text>
${text.join('\n')}
</svg>
`;
}
