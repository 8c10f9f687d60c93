import { NEEDED_MODULE } from './summary.ts';

/** The forms of the texts that `readText` reads, by what each means. */

const GUID = '[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}';

/** What a local firewall, a VPN or a sandbox makes of a connection. */
export const FORBIDDEN_SOCKET =
  /WinError 10013|new connection: \[Errno (?:1|13)\]|\bconnect: (?:permission denied|operation not permitted)|forbidden by its access permissions/i;

/** What a text means, by its wording. The first form that matches decides. */
type Meanings = readonly (readonly [string, RegExp])[];

/** What stops a tool on its own machine, before or after it asks Microsoft Entra ID; specific problems before general ones. */
export const PROBLEMS = [
  ['clock-wrong', /(?:token|certificate) is not yet valid|computer's time/i],
  ['ca-bundle-missing', /Could not find a suitable TLS CA certificate bundle/],
  [
    'login-certificate-missing',
    /No such file or directory: ['"][^'"\n]{1,300}\.(?:pem|pfx|p12|crt|cer|key)['"]|(?:load|deserialize) .{0,30}(?:PEM|private key|certificate|key data)|certificate file, invalid path|Invalid certificate/i,
  ],
  ['read-only', /Read-only file system/],
  ['disk-full', /No space left on device|Disk quota exceeded/],
  ['installation-broken', NEEDED_MODULE],
  // On Windows, a lock that another process holds is a file to which permission is denied.
  [
    'locked',
    /(?:Permission denied|Access is denied)[^\n]{0,300}\.lock(?:file)?\b|\.lock(?:file)?\b[^\n]{0,100}Access is denied/,
  ],
  ['permission-denied', /Permission denied|Access is denied|WinError 5\b|Operation not permitted/],
  [
    'cache-encrypted',
    /decrypt|msal_extensions[\\/](?:windows|osx)|Key not valid for use in specified state|WinError (?:-2146893813|-2146892987|87\b|13\b)|libsecret|keyring/i,
  ],
  [
    'cache-corrupt',
    /JSONDecodeError|Extra data: line|Expecting value: line|Expecting property name|Unterminated string|Invalid control character|can't decode byte|Can't get attribute|UnpicklingError|invalid load key|unsupported pickle|configparser\.(?:MissingSectionHeader|Parsing|Duplicate)\w{0,40}Error/,
  ],
  [
    'locked',
    /LockException|AlreadyLocked|Resource temporarily unavailable|database is locked|\.lockfile|being used by another process|WinError (?:32|33)\b/,
  ],
  [
    'account-not-in-cache',
    /does not exist in MSAL token cache|Can't find token from MSAL cache|Could not retrieve (?:token|credential) from local cache|Secret of service principal .{0,100} not found/i,
  ],
  [
    'no-subscription',
    /Subscription '?.{0,100}'? not found|No subscriptions? found\b|access to subscription with ID|subscription of '.{0,100}' doesn't exist/i,
  ],
  ['tenant-unknown', /OIDC Discovery endpoint rejects|Unable to get authority configuration/],
  ['cloud-unknown', /The cloud '.{0,60}' is not registered|invalid_instance|is not whitelisted/i],
  [
    'identity-endpoint-failed',
    /Failed to connect to MSI|managed_identity_(?:request_failed|unreachable)|ManagedIdentityError|Identity not found|MSI endpoint|Cloud Shell credential problem/i,
  ],
  [
    'wrong-architecture',
    /Exec format error|cannot execute binary|Bad CPU type|wrong ELF class|Rosetta|mach-o|WinError (?:193|216)\b|not a valid Win32|\/mnt\/[a-z]\/.{0,200}wbin|UtilBindVsock|qemu-/i,
  ],
  [
    'extension-broken',
    /azext_|cliextensions|[Uu]nable to load extension|Error loading command module|[Ee]xtension '?[\w-]{1,60}'? is not installed/,
  ],
  ['killed', /MemoryError|Cannot allocate memory|Out of memory|\bSIGKILL\b|code 137\b|^Killed$/im],
  [
    'installation-broken',
    /bad interpreter|python[\d.]{0,6}: (?:command )?not found|python[\d.]{0,6}'?: No such file|Library not loaded|Abort trap|GLIBC|urllib3 v2|error while loading shared libraries|ImportError|No module named|cannot import name|DLL load failed|SyntaxError|SSL module is not available|pkg_resources|module '[\w.]{1,60}' has no attribute/i,
  ],
  ['scripts-forbidden', /running scripts is disabled|PSSecurityException|language mode/i],
  [
    'module-missing',
    /'Az\.Accounts?' module|term 'Get-AzAccessToken'|Install-Module|module '?Az\.Accounts?'? .{0,60}not/i,
  ],
  // The SDK puts this in place of what azd said about a second factor or a new login.
  ['reauthentication-required', /claims challenges?\. .{0,120}azd auth login|reauthentication required/is],
  ['too-old', /unrecognized arguments|is misspelled or not recognized|invalid choice/],
  [
    'not-installed',
    /CLI (?:could not|couldn't) be found|is not recognized as|(?:az|azd|pwsh)['"]?: (?:command )?not found|Unable to execute PowerShell|executable file not found/i,
  ],
  ['broker-failed', /Response_Status|\bWAM\b/],
  [
    'not-logged-in',
    /az login|claims challenge|InteractionRequired|invalid_grant|interaction_required|login_required|no_tokens_found|azd auth login|Connect-AzAccount|not logged in|No accounts were found/i,
  ],
] as const satisfies Meanings;

export type Problem = (typeof PROBLEMS)[number][0];

/**
 * What is wrong with a certificate, its private key, or their file, in the wordings of Node, OpenSSL, MSAL and Microsoft Entra ID.
 * `expired` may stand in a list of other reasons.
 */
export const CERTIFICATES = [
  ['file-missing', /[Nn]o such file/],
  ['file-unreadable', /EPERM|[Pp]ermission denied|EISDIR/],
  [
    'password-wrong',
    /bad decrypt|bad password|maybe wrong password|[Pp]assphrase|interrupted or cancelled|mac verify failure/,
  ],
  // A private key that is encrypted, or none at all: the library that signs takes the file for a symmetric key.
  ['key-unusable', /must be an asymmetric key|DECODER routines::unsupported|no start line/],
  ['certificate-absent', /does not contain a PEM-encoded certificate/],
  ['key-mismatch', /did not match the expected signature/i],
  ['key-too-short', /key size .{0,40}less than/i],
  ['not-registered', /key was not found|not registered on application/i],
  ['revoked', /certificate has been revoked/i],
  ['expired', /(?:certificate|key)[^.\n]{0,60} (?:is|has) expired/i],
  ['not-valid-now', /not within its (?:specified )?valid|not yet valid/i],
] as const satisfies Meanings;

export type CertificateProblem = (typeof CERTIFICATES)[number][0];

/** The variable that the SDK or MSAL refuses. */
export const VARIABLES = [/'(\w{1,60})' environment variable is malformed/, /\b([a-z_]{1,60})_url_malformed\b/];

/** What the metadata service, NMI and identity endpoints say about an identity. */
export const IDENTITIES = [
  ['ambiguous', /Multiple user assigned identities/i],
  ['pending', /AzureAssignedIdentity|in (?:CREATED|ASSIGNED) state/],
  [
    'not-found',
    /no azure identity found|has not been assigned|is(?:n't| not) assigned|No User Assigned|No (?:Managed Identity|MSI) found|Unable to load (?:the proper|requested) Managed Identity|identity .{0,80}(?:not found|does not exist|not (?:enabled|configured))|IdentityNotFound/i,
  ],
] as const satisfies Meanings;

/**
 * What MSAL, the metadata service, NMI and the agent of Azure Arc say about a request. NMI waits for its record of the pod's
 * identity to be CREATED, which means that label and selector match, then for it to be ASSIGNED.
 *
 * @see https://github.com/Azure/aad-pod-identity/blob/master/pkg/nmi/standard.go
 */
export const PROVIDERS = [
  [
    'client-id-unsupported',
    /Specifying a .{0,80} is not supported|can only be system assigned|not configurable at runtime|did not confirm the requested user-assigned/,
  ],
  ['header-missing', /metadata header|X-Forwarded-For/i],
  ['key-unreadable', /unable_to_read_secret_file|invalid_secret\b|EACCES/i],
  ['agent-disconnected', /machine is disconnected|Managed Identity certificate has expired/i],
  ['audience-unsupported', /AudienceNotSupported|not a supported MSI token audience/i],
  ['no-binding', /no azure identity found|azureidentity is not configured/i],
  ['not-matched', /in CREATED state|no AzureAssignedIdentity/i],
  ['not-assigned-yet', /in ASSIGNED state/i],
  ['pods-unlisted', /pod list is empty|matching pods:\s{0,5}\[\]|with \[\]/i],
  ['pod-unknown', /match failed|match pod ip|host ?network|remote address/i],
  ['throttled', /Status Code = '?429|too many requests|throttl/i],
  ['metadata-fault', /Status Code = '?(?:404|408|410|5\d\d)/i],
] as const satisfies Meanings;

/** The cloud whose hosts a text names, as the Azure CLI calls it. The public cloud is in many texts. */
export const CLOUDS = [
  ['AzureUSGovernment', /usgovcloudapi\.net|microsoftonline\.us\b/i],
  ['AzureChinaCloud', /chinacloudapi\.cn|microsoftonline\.cn\b/i],
] as const satisfies Meanings;

/** The wordings of Python, Go, .NET, curl and Node. */
export const NETWORK_CODES = [
  ['CERT_HAS_EXPIRED', /certificate has expired|CERT_HAS_EXPIRED|certificate expired/i],
  ['CERT_NOT_YET_VALID', /certificate is not yet valid|CERT_NOT_YET_VALID/i],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    /doesn't match (?:either of|')|certificate is (?:not )?valid for|RemoteCertificateNameMismatch|ALTNAME_INVALID/i,
  ],
  // OpenSSL's names of what Python checks since 3.13.
  ['MISSING_AUTHORITY_KEY_IDENTIFIER', /Missing Authority Key Identifier/i],
  ['MISSING_SUBJECT_KEY_IDENTIFIER', /Missing Subject Key Identifier/i],
  ['CA_BCONS_NOT_CRITICAL', /Basic Constraints of CA cert not marked critical/i],
  ['CA_CERT_MISSING_KEY_USAGE', /CA cert does not include key usage/i],
  [
    'SELF_SIGNED_CERT_IN_CHAIN',
    /self.signed certificate|unable to get (?:local )?issuer|x509: |Certificate verification failed|SSL connection could not be established|UNABLE_TO_(?:GET|VERIFY)|RemoteCertificateChainErrors|PartialChain|UntrustedRoot|certificate verify failed/i,
  ],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', /TLS handshake timeout|handshake operation timed out/i],
  // The connection was there.
  ['UND_ERR_HEADERS_TIMEOUT', /Read timed out|while awaiting headers/i],
  // The TLS library of Python wraps what the system said.
  ['ECONNRESET', /SysCallError\((?:104|54|10054)\b/],
  [
    'EPROTO',
    /WRONG_VERSION_NUMBER|SSLError|SSLEOFError|UNEXPECTED_EOF|SSLV3_ALERT|tls: |\bEPROTO\b|handshake failure/i,
  ],
  [
    'EAI_AGAIN',
    /Temporary failure in name resolution|Errno -3\b|\bEAI_AGAIN\b|server misbehaving|dial tcp: i\/o timeout|lookup .{1,253}i\/o timeout/i,
  ],
  [
    'ENOTFOUND',
    /Name or service not known|nodename nor servname|getaddrinfo failed|Errno (?:-2|-5)\b|No address associated|no such host|could not be resolved|Could not resolve host|\bENOTFOUND\b/i,
  ],
  ['EACCES', FORBIDDEN_SOCKET],
  ['ECONNREFUSED', /Connection refused|WinError 10061|actively refused|\bECONNREFUSED\b/i],
  ['ENETUNREACH', /Network is unreachable|WinError 1005[01]|\bENETUNREACH\b|unreachable network/i],
  ['EHOSTUNREACH', /No route to host|WinError 10065|\bEHOSTUNREACH\b|unreachable host/i],
  [
    'ECONNRESET',
    /Connection reset|Connection aborted|Remote end closed|WinError 1005[34]|\bECONNRESET\b|forcibly closed|IncompleteRead|broken pipe/i,
  ],
  ['ETIMEDOUT', /timed out|TimeoutError|WinError 10060|i\/o timeout|deadline exceeded|\bETIMEDOUT\b/i],
] as const satisfies Meanings;

export const HOSTS = [
  /host='([\w.-]{1,253})'/,
  /lookup ([\w.-]{1,253})/,
  /(?:Post|Get) "?https?:\/\/([\w.-]{1,253})/,
  /\(([\w-]{1,63}(?:\.[\w-]{1,63}){1,6}):\d{2,5}\)/,
  /https?:\/\/([\w.-]{1,253})[^\s'"]{0,300}(?:oauth2|openid|\/token)/,
];

export const STATUSES = [
  /http error: (\d{3})/,
  /<Response \[(\d{3})\]>/,
  /Status Code = '?(\d{3})/i,
  /[Ss]tatus code:? (\d{3})\b/,
];

export const PATHS = [
  /(?:Permission denied|Read-only file system|No space left on device|No such file or directory|Access is denied|Operation not permitted): ?['"]?((?:\/|[A-Za-z]:\\)[^'"\n]{1,300}?)['"]?(?=\n|$|['"])/,
  /invalid path: ['"]?([^'"\n]{1,300})/,
  /open\(?\s?['"]((?:\/|[A-Za-z]:\\)[^'"\n]{1,300})['"]/,
];

export const TENANTS = [
  new RegExp(`must match (?:the tenant|one of the tenants) '?https://[\\w.]{1,60}/(${GUID})`),
  /[Tt]enant '([^'\n]{1,100})' not found/,
  /does not exist in tenant '([^'\n]{1,100})'/,
  /missing service principal in the tenant ([\w.-]{1,100}?)\.?(?:\s|$)/,
  /directory '([^'\n]{1,100})'/,
  /exist in the ([\w.-]{3,100}) directory/,
  /tenant named '?([^.'\n]{1,100})'?\. /,
  /tenant identifier '([^'\n]{1,100})'/,
  /against tenant '?([\w.-]{1,100}?)'?[.\s]/,
  /az login[^\n]{0,80} --tenant "?([\w.-]{1,100})/,
  new RegExp(`in (?:the )?tenant '?(${GUID})`),
  new RegExp(`https://login\\.[\\w.]{1,60}/(${GUID})`),
];

export const APPLICATIONS = [
  /[Aa]pplication(?: with identifier| with ID| ID)? '([^'\n]{1,200})'/,
  /\bapp(?: Id| id)? '([^'\n]{1,200})'/,
  new RegExp(`client application (${GUID})`),
  /[Tt]he client '([^'\n]{1,200})'/,
];

export const WAITS = [/again after '?(\d{1,6})'? ?s/i];
