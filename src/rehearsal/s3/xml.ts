/** The little XML that S3 speaks: documents of nested elements, written from objects and read back into a tree. */

export type XmlValue = string | number | boolean | undefined | XmlElement | ReadonlyArray<XmlValue>;
export interface XmlElement {
  readonly [name: string]: XmlValue;
}

/** A whole document; arrays repeat their element, undefined leaves it out. */
export function xmlDocument(root: string, content: XmlElement, namespace = true): string {
  const attribute = namespace ? ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' : '';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${children(content)}</${root}>`;
}

function children(content: XmlElement): string {
  return Object.entries(content)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? (value as XmlValue[]) : [value as XmlValue]).map((one) => element(name, one)),
    )
    .join('');
}

function element(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  return `<${name}>${typeof value === 'object' ? children(value as XmlElement) : escapeXml(String(value))}</${name}>`;
}

function escapeXml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[\r\n\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** One element of a parsed document. */
export interface XmlNode {
  readonly name: string;
  readonly text: string;
  readonly nodes: readonly XmlNode[];
}

/** Reads a document without mixed content; undefined when it is not well formed. Prefixes and attributes are dropped. */
export function parseXml(text: string): XmlNode | undefined {
  const tokens = text.matchAll(/<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([\w:.-]+)[^>]*?(\/?)>|([^<]+)/g);
  const root: Open = {name: '', text: '', nodes: []};
  const stack: Open[] = [root];
  for (const [, closing, name, selfClosing, words] of tokens) {
    const top = stack.at(-1)!;
    if (words !== undefined) top.text += unescapeXml(words);
    else if (name !== undefined && closing) {
      if (stack.length === 1 || top.name !== local(name)) return undefined;
      stack.pop();
    } else if (name !== undefined) {
      const node: Open = {name: local(name), text: '', nodes: []};
      top.nodes.push(node);
      if (!selfClosing) stack.push(node);
    }
  }
  return stack.length === 1 && root.nodes.length === 1 ? root.nodes[0] : undefined;
}

interface Open {
  readonly name: string;
  text: string;
  readonly nodes: Open[];
}

/** The text of a child, without quotes around it; undefined when there is no such child. */
export function childText(node: XmlNode, name: string): string | undefined {
  return node.nodes.find((child) => child.name === name)?.text;
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = {amp: '&', lt: '<', gt: '>', quot: '"', apos: "'"};
  return text.replace(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, entity: string) => {
    if (entity.startsWith('#x')) return String.fromCodePoint(Number.parseInt(entity.slice(2), 16));
    if (entity.startsWith('#')) return String.fromCodePoint(Number(entity.slice(1)));
    return named[entity] ?? whole;
  });
}
