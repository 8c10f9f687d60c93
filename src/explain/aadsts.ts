/**
 * The error numbers of Microsoft Entra ID, by what they mean for the user. The numbers are Microsoft's, the classes are ours.
 * Microsoft warns that texts and numbers may change, so use them only for advice.
 *
 * The numbers come from the documentation as of 2026-11-24. Those that it lacks come from https://login.microsoftonline.com/error,
 * Microsoft's support articles and public issues.
 *
 * A name that begins with another one and a hyphen is a class within that one.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const NUMBERS = {
  /** A temporary failure of Microsoft, or on the way to it. */
  transient: [
    29100, 40010, 40014, 50000, 50004, 50033, 50086, 50087, 65007, 70012, 80001, 80002, 80005, 80014, 90006, 90012,
    90024, 90030, 90031, 90032, 90033, 90035, 90036, 90039, 90041, 90045, 90057, 90058, 90090, 90091, 90092, 90202,
    100003, 100017, 120005, 120013, 120021, 131001, 131003, 500178, 500179, 900388, 1000461, 1000464, 1001006,
  ],
  /** Too many requests. */
  throttled: [50088, 50196, 90055, 131012, 500881, 500882, 800184, 1000474],
  /** The user has to sign in again. */
  'sign-in': [
    16001, 16002, 50058, 50085, 50089, 50132, 50133, 50136, 50139, 50141, 50143, 50168, 50173, 50180, 50197, 51006,
    70000, 70008, 70016, 70017, 70018, 70019, 70020, 70033, 70034, 70035, 70039, 70043, 70044, 70045, 70046, 81004,
    81005, 81006, 81007, 81009, 81010, 81011, 81012, 90086, 160021, 700081, 700082, 700083, 700084, 1000203, 7000012,
    7000015,
  ],
  /** The user needs more than a password. */
  mfa: [
    26000, 50072, 50074, 50076, 50078, 50079, 50125, 50140, 50158, 50199, 50201, 50202, 50203, 50204, 50206, 53006,
    53007, 54008, 130004, 130005, 130006, 130506, 135010, 399218, 500121, 501314, 1000000, 1000002, 5001256,
  ],
  /** The password of the user is wrong. */
  password: [
    50052, 50054, 50056, 50064, 50126, 50135, 50137, 80007, 80010, 80013, 120000, 120001, 120002, 120003, 120004,
    120006, 120008, 120011, 120012, 120014, 120015, 120018, 120019, 120020, 121003, 130503, 130504, 130505, 130507,
  ],
  /** The password of the user has expired, or has to be changed. */
  'password-expired': [50055, 50142, 50144],
  /** The account is locked after too many tries, or the address that they came from is. */
  'password-locked': [50053, 500532],
  /** The user's account cannot be used here, for another reason. */
  account: [
    16003, 50014, 50177, 50200, 51004, 51007, 51008, 52050, 80012, 90084, 90125, 90126, 120016, 500204, 500205, 900851,
    901011, 901012, 901014,
  ],
  /** The user's account is disabled. */
  'account-disabled': [50057, 500571],
  /** The user's account belongs to another tenant, and is no guest of this one. */
  'account-of-other-tenant': [50020, 90072, 500200, 500202, 500207, 500208],
  /** There is no such user in this tenant. */
  'account-unknown': [16000, 50034, 50178, 500341],
  /** A policy of the administrator forbids it. Another login does not help. */
  policy: [
    50077, 50081, 50131, 50159, 50161, 50170, 50172, 50176, 51002, 53003, 53005, 53008, 53010, 54000, 90071, 90123,
    130007, 130008, 130500, 130501, 130502, 135016, 240001, 240005, 500531, 500761, 501271, 501291, 501292, 501311,
    501312, 501313, 530011, 530022, 530031, 530032, 530036, 530081, 530082, 1000106, 1000107, 1000108, 1000463, 1000470,
    5000211, 5000221,
  ],
  /** A policy demands a managed or compliant device, or another platform. */
  'policy-device': [50005, 50097, 50127, 50129, 50155, 50187, 53000, 53001, 530001, 530002, 530003, 530004, 530033],
  /** The device was deleted from the tenant, or is disabled there. */
  'policy-refused-device': [135011, 700003],
  /** A policy demands an approved application, or one with app protection. */
  'policy-approved-application': [53002, 53009, 530021],
  /** A policy demands tokens that are bound to the device. */
  'policy-token-protection': [530084],
  /** The security defaults of the tenant forbid it. */
  'policy-security-defaults': [530035],
  /** The user or the sign-in is considered risky. */
  'policy-risk': [53004, 53011, 530034],
  /** Tenant restrictions or cross-tenant access settings forbid it. */
  'policy-tenant-restriction': [50002, 500021, 500022, 500023, 500024, 500025, 500212, 500213],
  /** A policy of the tenant forbids federated credentials, or those of this issuer. */
  'policy-federation': [700223, 700238, 7002381],
  /** The application is not meant for this. */
  application: [
    17003, 50003, 50007, 50042, 50043, 50045, 50100, 50101, 50102, 50103, 50108, 50109, 50111, 50123, 50124, 50146,
    50162, 50163, 50165, 67003, 90049, 501241, 501461, 501621, 501631, 501632, 700020, 700038, 901121, 901122, 901123,
    901124, 901125, 901183, 1000031, 7000217,
  ],
  /** The tenant has no such application. */
  'application-unknown': [70001, 700011, 700016],
  /** The application is disabled. */
  'application-disabled': [7000112, 7000116],
  /** The application is one for several tenants, which this issuer may not use. */
  'application-multi-tenant': [70052],
  /** The application has no service principal in the tenant. */
  'application-without-service-principal': [650059, 700019, 900491, 1001010, 7000229],
  /** Nobody has consented to what the application asks for. */
  consent: [
    50015, 50150, 52004, 65001, 65002, 65003, 65004, 67002, 90008, 90093, 90094, 90095, 90096, 90097, 90099, 90137,
    650011, 650056, 900941, 900942, 900981, 1003031, 9002341,
  ],
  /** The user or application is not assigned to the application. */
  assignment: [50105, 501051],
  /** This application may not make such a request. */
  flow: [
    20001, 20012, 20033, 28001, 40008, 40009, 40015, 50006, 50008, 50010, 50011, 50029, 50050, 50061, 50068, 50070,
    50071, 50099, 50107, 50117, 50130, 50134, 50138, 50147, 50148, 50149, 50157, 50164, 50167, 50169, 50192, 51000,
    51001, 51005, 54005, 70003, 70004, 70005, 70007, 70009, 70013, 70014, 70015, 75001, 75003, 75005, 75008, 75011,
    75016, 76021, 76026, 82001, 90004, 90005, 90007, 90010, 90015, 90016, 90020, 90022, 90023, 90027, 90056, 90081,
    90082, 90087, 90089, 90100, 90101, 90102, 90107, 90112, 90114, 90116, 90117, 90119, 90120, 90121, 90136, 100024,
    100026, 100027, 140000, 140001, 165004, 165900, 220450, 230109, 240002, 240003, 240004, 399284, 500101, 500102,
    500103, 500111, 500112, 500113, 500114, 500115, 500116, 500117, 500118, 500119, 500141, 501471, 501481, 501482,
    501491, 700005, 700007, 700009, 700012, 700051, 700052, 700053, 700054, 750054, 900041, 900042, 900048, 900049,
    900058, 900143, 900236, 900561, 900971, 901001, 901002, 901003, 901004, 901005, 901006, 5000819, 7000021, 7000110,
    7000113, 7000114, 7500514, 7500529, 9000410, 9000411, 9002325, 9002326, 9002327,
  ],
  /** The application is registered as a public client, which has no secret. */
  'flow-public-client': [700025],
  /** A parameter is missing or malformed. */
  'flow-malformed': [90013, 90014, 900144, 9002313],
  /** The regional endpoint is not for this application. */
  'flow-regional-endpoint': [100007],
  /** The connection uses an old version of TLS. */
  'flow-old-tls': [1002016],
  /** The client secret is wrong. */
  'client-secret': [70002, 7000215],
  /** The client secret has expired. */
  'client-secret-expired': [7000222],
  /** The request has no client secret. */
  'client-secret-missing': [700026, 7000216, 7000218, 7000219],
  /** A managed identity has no client secret. */
  'client-secret-of-managed-identity': [7000232],
  /** The certificate of the application is wrong, has expired, or is not registered; the text says which. */
  'client-certificate': [
    50012, 50032, 60007, 500171, 500172, 500180, 500181, 500183, 600071, 700027, 700028, 700029, 700030, 700031, 700032,
    700037, 1000502, 1000901, 1000902, 1000903, 1000904, 7000210, 7000211, 7000212, 7000213, 7000214, 7000221, 7000225,
    7000274, 7000277, 7000281,
  ],
  /** The tenant does not trust the authority that issued the certificate. */
  'client-certificate-chain': [50017, 500176],
  /** The revocation list of the certificate's authority cannot be used. */
  'client-certificate-revocation-list': [220501, 500173, 500174, 500175, 500177, 500182],
  /** The token of another issuer, used instead of a secret, is refused. */
  assertion: [
    50013, 50027, 50048, 50098, 50120, 70021, 70023, 70025, 500061, 500126, 500131, 500132, 500133, 500135, 500136,
    500137, 500138, 500139, 500981, 500982, 500983, 500984, 500985, 500986, 501201, 501202, 501203, 501204, 501205,
    501206, 501207, 501208, 501209, 501210, 700021, 700022, 700023, 700024, 700033, 700034, 700035, 700036, 700048,
    700050, 700211, 700212, 700213, 700214, 700222, 700226, 700227, 700229, 700231, 700236, 700239, 700263, 7000220,
    7000226, 7000227, 7002121, 7002138,
  ],
  /** The issuer of that token, or what it publishes, cannot be used. */
  issuer: [50166, 70022, 70024, 90061, 501661, 700221, 900610, 900611, 900612, 7000272],
  /** The tenant is unknown, or the request names none or one that stands for all. */
  tenant: [
    50059, 50128, 50160, 50186, 50194, 90002, 90019, 90085, 90124, 90129, 90130, 90132, 90133, 501941, 900021, 900022,
    900023, 900191, 900192, 900193, 900194, 900195, 9001023, 9002332, 9002346,
  ],
  /** The tenant is blocked, for inactivity or by Microsoft. */
  'blocked-tenant': [5000222, 5000224, 5000225],
  /** The resource that the token is for cannot be used. */
  resource: [
    28000, 28002, 28003, 28004, 50156, 50171, 65006, 67001, 70011, 90009, 221000, 500013, 500015, 650052, 650053,
    650054, 650055, 650058, 650061, 700017, 700018, 700039, 900562, 1002012,
  ],
  /** The registration of the application does not list a permission for the resource. */
  'resource-not-listed': [65005, 650057],
  /** The tenant does not know the resource that the token is for. */
  'resource-unknown': [50001, 500011, 500012],
  /** The resource that the token is for is disabled in the tenant. */
  'resource-disabled': [500014, 7000117],
  /** The identity belongs to another cloud. */
  cloud: [
    50049, 90038, 90042, 90043, 90044, 90051, 90073, 90501, 100023, 900381, 900382, 900383, 900384, 900386, 900431,
    900432, 900433, 900434, 900435, 900439, 900440, 900441, 900442, 900443, 1000104, 1000110, 1000202, 1000401, 9004351,
  ],
} as const satisfies Record<string, readonly number[]>;

export type AadstsClass = keyof typeof NUMBERS;

const CLASS_OF = new Map<number, AadstsClass>();
for (const [name, numbers] of Object.entries(NUMBERS)) {
  // The keys of NUMBERS, which Object.entries widens to string.
  for (const number of numbers) CLASS_OF.set(number, name as AadstsClass);
}

/** The class of an error number; undefined if it is not in the table. */
export function aadstsClass(number: number | undefined): AadstsClass | undefined {
  return number === undefined ? undefined : CLASS_OF.get(number);
}

/** Whether a class is this one or one within it, such as `policy-risk` within `policy`. */
export function isWithin(found: AadstsClass | undefined, name: AadstsClass): boolean {
  return found !== undefined && (found === name || found.startsWith(`${name}-`));
}
