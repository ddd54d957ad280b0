/**
 * The two spellings of an internationalised domain: `müller.example` and `xn--mller-kva.example` are the same
 * domain. Pure.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { foldCase } from '../bundle/address/case-folding.ts';

/** With a label behind it: the rules of URLs would take a domain that ends in a number for an IPv4 address. */
const END = '.x';
const cut = (text: string): string => (text.endsWith(END) ? text.slice(0, -END.length) : '');

/** The A-labels of a domain; empty for what is no domain. */
export const toAscii = (domain: string): string => cut(domainToASCII(domain + END));

const toUnicode = (domain: string): string => cut(domainToUnicode(toAscii(domain) + END));

/** A domain, or a pattern such as `*.example.org`, in every spelling that it has, the given one first. */
export function domainForms(pattern: string): string[] {
  const [, star = '', domain = ''] = /^(\*\.)?(.*)$/s.exec(pattern) ?? [];
  // Folded afterwards: folding first would turn a sharp s into ss, which has other A-labels.
  const forms = [domain, toAscii(domain), toUnicode(domain)].map(foldCase);
  return [...new Set(forms.filter((form) => form !== ''))].map((form) => star + form);
}

/** An address with its domain in every spelling, the given one first. */
export function addressForms(address: string): string[] {
  const at = address.lastIndexOf('@') + 1;
  return domainForms(address.slice(at)).map((domain) => address.slice(0, at) + domain);
}
