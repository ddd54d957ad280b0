/**
 * What the columns of an export mean, by the names that software gives them: CSV headers, JSON keys, LDIF
 * attributes. A name that is not here is unknown, and is refused if it holds an address. Pure.
 */

/**
 * `address`: what the record accepts. `alias`: an address or, in Exchange, a name without one. `user`: an address,
 * but only if no column of the records is one. `status`: whether the record counts. `kind`: the record's kind.
 * `other`: known, and never an address of the record even if it looks like one. `unknown`: not read.
 */
export type Column = 'address' | 'alias' | 'user' | 'status' | 'kind' | 'other' | 'unknown';

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((each) => each !== ''));

const ADDRESS = words(`
  address addresses email emails emailaddress emailaddresses emailadresse emailadressen mail mails mailaddress mailaddresses
  mailadresse smtp smtpaddress smtpaddresses smtpalias smtpaliases primarysmtpaddress primaryemail primaryemailaddress primaryaddress
  proxyaddress proxyaddresses emailproxyaddresses aliassmtpaddress aliassmtpaddresses emailalias emailaliases aliasemail aliasemails
  aliasemailaddress aliasemailaddresses aliasaddress aliasaddresses mailalias mailaliases noneditablealias noneditablealiases
  recipient recipientaddress windowsemailaddress groupemail groupemailaddress groupprimaryemail primarygroupemail
  useremail accountemail mailboxaddress mailboxemail sharedmailbox correo courriel adressemail
  mailalternateaddress mailalternativeaddress maillocaladdress mailequivalentaddress gosamailalternateaddress mailprimaryaddress
  mailacceptinggeneralid shadowaddress rfc822mailbox zimbramaildeliveryaddress zimbramailalias
`);
const ALIAS = words('alias aliases useraliases alternateaddress alternateaddresses');
const USER = words('username user account mailbox');
const STATUS = words(`
  active isactive enabled isenabled status state accountstatus accountactive mailstatus mailboxstatus userstatus suspended issuspended
  archived deleted isdeleted deleteddatetime softdeletiontimestamp disabled isdisabled inactive blocked banned closed
  isinactivemailbox suspendedincoming zimbraaccountstatus zimbramailstatus postfix
`);
const KIND = words('type recipienttype recipienttypedetails usertype objectclass');
/**
 * Addresses of other people, other addresses of the same person, login names, and what only looks like an address.
 */
const OTHER = words(`
  userprincipalname upn onpremisesuserprincipalname windowsliveid microsoftonlineservicesid signinname immutableid netid
  recoveryemail recoveryemailaddress secondaryemail homesecondaryemail worksecondaryemail newprimaryemail manageremail manager managers
  managedby managerupn othermail othermails othermailbox alternateemail alternateemails alternateemailaddress
  alternateemailaddresses emailother contactemail privateemail externalemailaddress externalemail targetaddress forwardingaddress
  forwardingsmtpaddress forwardingemail forwardto forwardsto forwarddestination forwarddestinations forward forwards forwarding forwardaddress goto destination destinations
  target targets deliverto delivery maildrop mailroutingaddress mailforwardingaddress zimbraprefmailforwardingaddress
  zimbramailforwardingaddress members member memberemail owner owners grouppermissions uniquemember memberof memberuid
  distinguishedname dn entrydn creatorsname modifiersname legacyexchangedn grantsendonbehalfto acceptmessagesonlyfrom
  acceptmessagesonlyfromsendersormembers rejectmessagesfrom moderatedby bypassmoderationfromsendersormembers password userpassword
  passwordhash passwordhashfunction authpassword sambantpassword krbprincipalname krbcanonicalname krbprincipalaliases homephone
  objectid id etag selflink uri url schemas createdby modifiedby lastmodifiedby senders sender permittedsenders cc sendercc bcc
  replyto sendas sendonbehalf journalarchiveaddress sip sipaddress msrtcsipprimaryuseraddress im imaddresses jid xmpp jabber
  mailnickname maildir homedirectory quota labeleduri avatarurl thumbnailphotourl thumbnailphoto jpegphoto photo usercertificate
  usersmimecertificate sshpublickey organizationalunit serviceprovisioningstatus oauthtokenmetadata
`);

/** Longer texts are not names. */
const LONGEST_NAME = 100;

/**
 * A name without case, blanks, punctuation, a remark in brackets (`[Required]`), options (`;lang-en`) or a final
 * number.
 */
export const plainName = (name: string): string =>
  name
    .slice(0, LONGEST_NAME)
    .toLowerCase()
    .replace(/\[[^\]]*\]|\([^)]*\)|;.*$/g, '')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replace(/(?<=\p{L})\d{1,3}$/u, '');

export function columnOf(name: string): Column {
  // `aliases.0.alias`: GAM writes the parts of a list this way.
  const plain = plainName(name.replace(/\.\d+(?:\.(?:address|value|email|alias))?$/i, ''));
  if (ADDRESS.has(plain)) return 'address';
  if (ALIAS.has(plain)) return 'alias';
  if (USER.has(plain)) return 'user';
  if (STATUS.has(plain)) return 'status';
  if (KIND.has(plain)) return 'kind';
  return OTHER.has(plain) || /^(?:krb|msexch|odata)/.test(plain) ? 'other' : 'unknown';
}

const NO = words(
  '0 false f no n off inactive suspended disabled deleted closed blocked deactivated banned archived removed inaktiv gesperrt deaktiviert',
);
const YES = words('1 true t yes y on suspended disabled deleted closed blocked archived banned inactive');
/** Columns in which yes means that the record does not count. */
const NEGATIVE = words(`
  suspended issuspended suspendedincoming archived deleted isdeleted disabled isdisabled inactive isinactivemailbox blocked banned closed
`);
/** Columns with the time of a deletion. */
const TIME = words('deleteddatetime softdeletiontimestamp');
/** Columns in which only a word says that the record does not count: they may contain a US state, or a number. */
const WORDY = /status$|^state$/;

/**
 * Whether a status says that the record takes no mail.
 * @param signIn the record comes from a directory in which `enabled` is about logging in. Shared mailboxes are
 *   disabled there.
 */
export function isInactive(name: string, value: string, signIn: boolean): boolean {
  const plain = plainName(name);
  const text = value.trim().toLowerCase();
  if (TIME.has(plain)) return text !== '';
  if (NEGATIVE.has(plain)) return YES.has(text);
  if (WORDY.test(plain)) return NO.has(text) && !/^(?:0|f|n|no|off|false)$/.test(text);
  if (signIn && plain.endsWith('enabled')) return false;
  return NO.has(text);
}

/** The key with a Google user's own address. `emails` also lists the user's addresses elsewhere. */
export const isGooglePrimary = (name: string): boolean => plainName(name) === 'primaryemail';
export const isGoogleMixed = (name: string): boolean => /^emails(?:\.|$)/i.test(name);

/** Columns that directories have and mail systems do not. */
export const isDirectoryColumn = (name: string): boolean =>
  /^(?:samaccountname|userprincipalname|distinguishedname|objectguid|objectid|accountenabled)$/.test(plainName(name));

/** Kinds of records whose own address may be elsewhere: contacts, mail users, guests. */
export const isElsewhere = (value: string): boolean =>
  /^(?:mailcontact|mailuser|mailforestcontact|guestmailuser|guest|contact)$/i.test(value.trim());
