/**
 * What the columns of an export mean, by the names that software gives them: CSV headers, JSON keys, LDIF
 * attributes. A name that is not here is unknown, and is refused if it holds an address. Pure.
 */

/**
 * `address`: what the record accepts. `alias`: an address or, in Exchange, a name without one. `user`: an address,
 * but only if no column of the records is one. `local` and `domain`: an address in two parts. `status`: whether the
 * record counts. `kind`: the record's kind. `other`: known, and never an address of the record even if it looks like
 * one. `unknown`: not read.
 */
export type Column = 'address' | 'alias' | 'user' | 'local' | 'domain' | 'status' | 'kind' | 'other' | 'unknown';

/** Kinds of columns that make addresses. One of them makes a row of names a header. */
export const isNaming = (kind: Column): boolean => ['address', 'user', 'alias', 'local'].includes(kind);

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((each) => each !== ''));

const ADDRESS = words(`
  address addresses email emails emailaddress emailaddresses emailadresse emailadressen mail mails mailaddress mailaddresses
  mailadresse smtp smtpaddress smtpaddresses smtpalias smtpaliases primarysmtpaddress primaryemail primaryemailaddress primaryaddress
  proxyaddress proxyaddresses emailproxyaddresses aliassmtpaddress aliassmtpaddresses emailalias emailaliases aliasemail aliasemails
  aliasemailaddress aliasemailaddresses aliasaddress aliasaddresses mailalias mailaliases noneditablealias noneditablealiases
  recipient recipientaddress windowsemailaddress groupemail groupemailaddress groupprimaryemail primarygroupemail
  useremail accountemail mailboxaddress mailboxemail sharedmailbox internetaddress proxyaddressstring
  extraemailaddress extraemailaddresses extraaddress extraaddresses
  mailalternateaddress mailalternativeaddress maillocaladdress mailequivalentaddress gosamailalternateaddress mailprimaryaddress
  mailacceptinggeneralid shadowaddress rfc822mailbox zimbramaildeliveryaddress zimbramailalias
`);
/** The same in other languages: headers of Exchange, Outlook, Google and Microsoft 365, without accents and marks. */
const LOCAL_ADDRESS = words(`
  emailadresse emailadressen emailaliasse emailaliase mailadresse mailadressen smtpadresse smtpadressen primaresmtpadresse
  primareemailadresse hauptemailadresse proxyadresse proxyadressen aliasadresse aliasadressen
  adressemail adressesmail adresseemail adressesemail adressedemessagerie adressesdemessagerie adressemessagerie
  adresseelectronique adressecourriel courriel courriels adressesmtp adressesmtpprincipale adresseemailprincipale adresseproxy
  adressesproxy aliasemail
  correo correos correoelectronico direcciondecorreo direcciondecorreoelectronico direccionescorreoelectronico
  direccionesdecorreoelectronico direccionsmtp direccionsmtpprincipal direccionprincipal direccionesdeproxy direccionesproxy
  indirizzoemail indirizziemail indirizzomail indirizzodipostaelettronica indirizzopostaelettronica postaelettronica
  indirizzosmtp indirizzosmtpprimario indirizzoemailprincipale indirizzoemailprimario indirizziproxy
  emailadres emailadressen mailadres primairsmtpadres proxyadres
  enderecodeemail enderecosdeemail enderecoeletronico correioeletronico enderecosmtp enderecosmtpprincipal
  enderecosdeproxy
  adresemail adrespocztyemail adrespocztyelektronicznej pocztaelektroniczna podstawowyadressmtp
  epost epostadress epostadresse epostadresser epostadresser primarsmtpadress
  sahkoposti sahkopostiosoite emailova emailovaadresa emailovaadresa epostaadresi eposta emailcim
  электроннаяпочта адресэлектроннойпочты почта почтовыйадрес
  メールアドレス 電子メールアドレス 电子邮件 电子邮件地址 邮箱 邮箱地址 邮件地址 電子郵件 電子郵件地址 이메일 이메일주소 전자메일주소
`);
const ALIAS = words('alias aliases useraliases alternateaddress alternateaddresses');
const USER = words('username user account mailbox mailname login loginname benutzername');
const LOCAL = words('localpart');
const DOMAIN = words('domain domainname maildomain emaildomain');
const STATUS = words(`
  active isactive enabled isenabled status state accountstatus accountactive mailstatus mailboxstatus userstatus suspended issuspended
  archived deleted isdeleted deleteddatetime softdeletiontimestamp disabled isdisabled inactive blocked banned closed
  isinactivemailbox suspendedincoming zimbraaccountstatus zimbramailstatus inetuserstatus mailuserstatus mailenabled ismailboxenabled
  mailboxenabled emailenabled useractive mailboxactive mailactive emailactive aliasactive activeflag isblocked isclosed isarchived
  deactivated isdeactivated removed isremoved deletedat deletedon deletiontime deletiondate datedeleted deleteddate
  deactivatedat disabledat suspendedat archivedat terminatedat removedat postfix
  aktiv aktiviert inaktiv deaktiviert gesperrt geloscht kontostatus actif active desactive supprime suspendu bloque statut activo
  habilitado desactivado suspendido eliminado bloqueado estado attivo abilitato disattivato sospeso eliminato bloccato stato
  actief ingeschakeld geblokkeerd ativo
`);
const KIND = words(`
  type typ tipo recipienttype recipienttypedetails usertype odatatype contacttype mailboxtype objectclass empfangertyp kontakttyp postfachtyp
  typededestinataire tipodedestinatario tipodidestinatario
`);
/**
 * Addresses of other people, other addresses of the same person, login names, and what only looks like an address.
 */
const OTHER = words(`
  userprincipalname upn onpremisesuserprincipalname windowsliveid microsoftonlineservicesid signinname immutableid netid
  recoveryemail recoveryemailaddress secondaryemail secondemail homesecondaryemail worksecondaryemail newprimaryemail manageremail manager managers
  managedby managerupn othermail othermails othermailbox alternateemail alternateemails alternateemailaddress
  alternateemailaddresses emailother contactemail privateemail externalemailaddress externalemail targetaddress forwardingaddress
  forwardingsmtpaddress forwardingemail forwardto forwardsto forwarddestination forwarddestinations forward forwards forwarding forwardaddress goto destination destinations
  target targets deliverto delivery maildrop mailroutingaddress mailforwardingaddress zimbraprefmailforwardingaddress
  zimbramailforwardingaddress members member memberemail owner owners grouppermissions uniquemember memberof memberuid
  distinguishedname dn entrydn creatorsname modifiersname legacyexchangedn grantsendonbehalfto acceptmessagesonlyfrom
  acceptmessagesonlyfromsendersormembers rejectmessagesfrom moderatedby bypassmoderationfromsendersormembers password userpassword
  passwordhash passwordhashfunction authpassword sambantpassword krbprincipalname krbcanonicalname krbprincipalaliases homephone
  objectid id etag selflink uri url schemas createdby modifiedby lastmodifiedby senders sender permittedsenders cc sendercc bcc
  to redirect redirects redirectto externalmembers forwardmailto unixusername maildrops identities addressstring
  replyto sendas sendonbehalf journalarchiveaddress sip sipaddress msrtcsipprimaryuseraddress im imaddresses jid xmpp jabber
  mailnickname maildir homedirectory quota labeleduri avatarurl thumbnailphotourl thumbnailphoto jpegphoto photo usercertificate
  usersmimecertificate sshpublickey organizationalunit serviceprovisioningstatus oauthtokenmetadata
`);

/** Longer texts are not names. */
const LONGEST_NAME = 100;

/** Latin letters without accents and dots; other scripts as they are. */
const withoutMarks = (text: string): string =>
  /^[\u0000-\u007f]*$/.test(text)
    ? text
    : text
        .normalize('NFD')
        .replace(/(?<=[a-z])\p{M}+/giu, '')
        .normalize('NFC');

/**
 * A name without case, blanks, punctuation, a remark in brackets (`[Required]`), options (`;lang-en`) or a final
 * number.
 */
export const plainName = (name: string): string =>
  withoutMarks(name.slice(0, LONGEST_NAME))
    .toLowerCase()
    .replace(/\[[^\]]*\]|\([^)]*\)|;.*$/g, '')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replace(/(?<=\p{L})\d{1,3}$/u, '');

export function columnOf(name: string): Column {
  // `aliases.0.alias`: GAM writes the parts of a list this way.
  const plain = plainName(name.replace(/\.\d+(?:\.(?:address|value|email|alias))?$/i, ''));
  if (ADDRESS.has(plain) || LOCAL_ADDRESS.has(plain)) return 'address';
  if (ALIAS.has(plain)) return 'alias';
  if (USER.has(plain)) return 'user';
  if (LOCAL.has(plain)) return 'local';
  if (DOMAIN.has(plain)) return 'domain';
  if (STATUS.has(plain)) return 'status';
  if (KIND.has(plain)) return 'kind';
  return OTHER.has(plain) || /^(?:krb|msexch|odata)/.test(plain) ? 'other' : 'unknown';
}

const NO = words(`
  0 false f no n off inactive suspended disabled deleted closed blocked deactivated banned archived removed deprovisioned terminated
  left former ausgeschieden
  falsch faux falso fałsz onwaar nein non nee nie нет ложь
  inaktiv gesperrt deaktiviert geloscht inactif desactive suspendu supprime bloque inactivo desactivado suspendido eliminado bloqueado
  inattivo disattivato sospeso eliminato bloccato inactief geblokkeerd inativo
`);
const YES = words(`
  1 x true t yes y on suspended disabled deleted closed blocked archived banned inactive removed deactivated
  wahr vrai verdadero vero waar prawda ja oui si tak да истина
`);
/** Columns in which yes means that the record does not count. */
const NEGATIVE = words(`
  suspended issuspended suspendedincoming archived deleted isdeleted disabled isdisabled inactive isinactivemailbox blocked banned closed
  isblocked isclosed isarchived deactivated isdeactivated removed isremoved
  inaktiv deaktiviert gesperrt geloscht desactive supprime suspendu bloque desactivado suspendido eliminado bloqueado disattivato
  sospeso eliminato bloccato geblokkeerd
`);
/** Columns with the time of a deletion, or with its reason. */
const TIME = words(`
  deleteddatetime softdeletiontimestamp deletedat deletedon deletiontime deletiondate datedeleted deleteddate deactivatedat
  disabledat suspendedat archivedat terminatedat removedat
`);
/** What databases and exports write in such a column for no time. */
const NEVER = /^(?:|-+|n\/?a|null|nil|none|never|\\n|0|false|0000-00-00.*|0001-01-01.*|1\/1\/0001.*)$/;
/** Columns in which only a word says that the record does not count: they may contain a US state, or a number. */
const WORDY = /status$|^(?:state|statut|estado|stato)$/;

/**
 * Whether a status says that the record takes no mail.
 * @param signIn the record comes from a directory in which `enabled` is about logging in. Shared mailboxes are
 *   disabled there.
 */
export function isInactive(name: string, value: string, signIn: boolean): boolean {
  const plain = plainName(name);
  const text = withoutMarks(value.trim().toLowerCase());
  if (TIME.has(plain)) return !NEVER.test(text);
  if (NEGATIVE.has(plain)) return YES.has(text);
  if (WORDY.test(plain)) return NO.has(text) && !/^(?:0|f|n|no|off|false)$/.test(text);
  if (signIn && /^(?:is)?enabled$|^(?:aktiviert|habilitado|abilitato|ingeschakeld)$/.test(plain)) return false;
  return NO.has(text);
}

/** The key with a Google user's own address. `emails` also lists the user's addresses elsewhere. */
export const isGooglePrimary = (name: string): boolean => plainName(name) === 'primaryemail';
export const isGoogleMixed = (name: string): boolean => /^emails(?:\.|$)/i.test(name);

/** Columns that directories have and mail systems do not. */
export const isDirectoryColumn = (name: string): boolean =>
  /^(?:samaccountname|userprincipalname|distinguishedname|objectguid|objectid|accountenabled)$/.test(plainName(name));

/** Kinds of records whose own address may be elsewhere: contacts, mail users, guests. */
const ELSEWHERE = words(`
  mailcontact mailuser mailforestcontact guestmailuser guest contact microsoftgraphorgcontact emailkontakt kontakt emailbenutzer gast contactdemessagerie
  contactodecorreo contattodiposta
`);
export const isElsewhere = (value: string): boolean => ELSEWHERE.has(plainName(value));
