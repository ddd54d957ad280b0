/** The control that asks for one page of a search. */
import { BerWriter, Control, PagedResultsControl } from 'ldapts';

/** By default, directories give at most 1000 (Active Directory) or 500 (OpenLDAP) entries at a time. */
const PAGE = 500;

/**
 * RFC 2696. With ldapts the caller may not pass its paging control, and its own paging takes an empty page for the
 * last one.
 */
export class Page extends Control {
  readonly #cookie: Buffer;

  constructor(cookie: Buffer) {
    super(PagedResultsControl.type, { critical: true });
    this.#cookie = cookie;
  }

  protected override writeControl(writer: BerWriter): void {
    const value = new BerWriter();
    value.startSequence();
    value.writeInt(PAGE);
    value.writeBuffer(this.#cookie, 4);
    value.endSequence();
    writer.writeBuffer(value.buffer, 4);
  }
}
