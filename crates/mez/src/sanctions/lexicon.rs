//! Words that are not the name itself, and spellings of one name.
//!
//! The tables are onomastic facts: honorifics, particles, legal forms and romanisations in
//! common use. A word is looked up after folding, so every entry is lower-case ASCII.

/// What a word contributes to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A word that identifies.
    Content,
    /// A father's name of the East Slavic kind (`Ivanovich`).
    Patronymic,
    /// A line-of-business or place-like word that many organisations share.
    Descriptor,
    /// `al`, `bin`, `de`: often dropped or glued to the next word.
    Particle,
    /// `Dr`, `Sheikh`, `Jr`.
    Title,
    /// `Ltd`, `GmbH`, `OOO`.
    LegalForm,
    /// A number, in digits.
    Number,
    /// One letter.
    Initial,
}

impl Role {
    /// Whether words of this role weigh next to nothing.
    pub(super) fn is_minor(self) -> bool {
        matches!(self, Self::Particle | Self::Title | Self::LegalForm)
    }
}

const PARTICLES: &[&str] = &[
    "a", "ad", "af", "al", "an", "ar", "as", "at", "az", "ben", "bin", "binti", "bint", "bn", "da",
    "dal", "das", "de", "del", "della", "den", "der", "des", "di", "dos", "du", "e", "el",
    "es", "et", "ibn", "la", "las", "le", "les", "lo", "los", "na", "of", "oglu", "ogly",
    "the", "und", "ul", "ur", "van", "vd", "von", "y", "zu", "and", "for", "i", "kyzy",
    "qizi", "wa", "ou", "zur", "zum", "ud",
];

const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "miss", "dr", "doctor", "prof", "professor", "eng", "engr", "col",
    "colonel", "gen", "general", "capt", "captain", "lt", "lieutenant", "maj", "major", "sgt",
    "brig", "brigadier", "admiral", "adm", "marshal", "commander", "cmdr", "sheikh", "shaykh",
    "shaikh", "sheik", "shekh", "hajji", "haji", "hajj", "haj", "al-hajj", "sayyid", "sayed",
    "sayyed", "syed", "seyed", "seyyed", "mullah", "mulla", "maulavi", "mawlawi", "maulana",
    "mawlana", "mawlawy", "qari", "ustad", "ustaz", "ayatollah", "imam", "hojjatoleslam", "sir",
    "lord", "lady", "dame", "hon", "rev", "reverend", "father", "president", "prasident",
    "presidente", "minister", "senator", "prince", "princess", "king", "queen", "sultan-al", "jr",
    "junior", "sr", "senior", "ii", "iii", "iv", "esq", "phd", "md", "herr", "frau", "monsieur",
    "madame", "mme", "mlle", "don", "dona", "senor", "senora", "ing", "lic", "licenciado",
    "comandante", "comrade", "excellency", "judge", "justice", "sardar", "khwaja",
];

const VESSEL_PREFIXES: &[&str] = &["mv", "mt", "ms", "ss", "mts", "mvs", "lpg", "vessel", "ship"];

/// Legal forms, each with the form it stands for; the second column is the name compared.
const LEGAL_FORMS: &[(&str, &str)] = &[
    ("limited", "ltd"), ("ltd", "ltd"), ("limitada", "ltd"), ("ltda", "ltd"), ("lda", "ltd"),
    ("llc", "llc"), ("ooo", "llc"), ("tov", "llc"), ("too", "llc"), ("sarl", "llc"),
    ("srl", "llc"), ("sprl", "llc"), ("gmbh", "llc"), ("mbh", "llc"), ("bv", "llc"),
    ("bvba", "llc"), ("sro", "llc"), ("doo", "llc"), ("dooel", "llc"), ("ood", "llc"),
    ("eood", "llc"), ("kft", "llc"), ("spzoo", "llc"), ("spzo", "llc"), ("wll", "llc"),
    ("fze", "fze"), ("fzc", "fze"), ("fzco", "fze"), ("fzllc", "fze"), ("pte", "ltd"),
    ("pty", "ltd"), ("pvt", "ltd"), ("private", "ltd"), ("sdn", "ltd"), ("bhd", "ltd"),
    ("plc", "plc"), ("inc", "inc"), ("incorporated", "inc"), ("incorporation", "inc"),
    ("corp", "inc"), ("corporation", "inc"), ("corporacion", "inc"), ("co", "co"),
    ("company", "co"), ("compania", "co"), ("companhia", "co"), ("cia", "co"), ("cie", "co"),
    ("compagnie", "co"), ("ag", "jsc"), ("aktiengesellschaft", "jsc"), ("sa", "jsc"),
    ("sal", "jsc"), ("sae", "jsc"), ("saog", "jsc"), ("saoc", "jsc"), ("sab", "jsc"),
    ("saic", "jsc"), ("cv", "cv"), ("sas", "jsc"), ("spa", "jsc"), ("nv", "jsc"), ("ab", "jsc"),
    ("asa", "jsc"), ("aps", "llc"), ("oy", "jsc"), ("oyj", "jsc"), ("as", "jsc"), ("jsc", "jsc"),
    ("ojsc", "jsc"), ("pjsc", "jsc"), ("cjsc", "jsc"), ("oao", "jsc"), ("zao", "jsc"),
    ("pao", "jsc"), ("ao", "jsc"), ("aao", "jsc"), ("pat", "jsc"), ("ad", "jsc"), ("dd", "jsc"),
    ("ead", "jsc"), ("psc", "jsc"), ("psjc", "jsc"), ("kk", "jsc"), ("kg", "lp"), ("kgaa", "lp"),
    ("lp", "lp"), ("llp", "lp"), ("lllp", "lp"), ("ohg", "lp"), ("gbr", "lp"), ("sca", "lp"),
    ("se", "jsc"), ("pt", "ltd"), ("tbk", "jsc"), ("ltee", "ltd"), ("ep", "ep"), ("eirl", "llc"),
    ("sl", "llc"), ("slu", "llc"), ("sc", "jsc"), ("na", "na"), ("up", "up"), ("fgup", "up"),
    ("gp", "up"), ("ruep", "up"), ("chup", "up"), ("est", "co"), ("establishment", "co"),
    ("ste", "co"), ("societe", "co"), ("sociedad", "co"), ("gesmbh", "llc"), ("stock", "jsc"),
    ("joint", "jsc"), ("anonima", "jsc"), ("sicav", "jsc"), ("ev", "ev"), ("thelc", "co"),
];

/// Long legal forms, replaced as a phrase before the words are looked at.
pub(super) const LEGAL_PHRASES: &[(&[&str], &str)] = &[
    (&["limited", "liability", "company"], "llc"),
    (&["limited", "liability", "partnership"], "llp"),
    (&["limited", "partnership"], "lp"),
    (&["public", "joint", "stock", "company"], "jsc"),
    (&["open", "joint", "stock", "company"], "jsc"),
    (&["closed", "joint", "stock", "company"], "jsc"),
    (&["private", "joint", "stock", "company"], "jsc"),
    (&["joint", "stock", "company"], "jsc"),
    (&["joint", "stock", "compan"], "jsc"),
    (&["public", "limited", "company"], "plc"),
    (&["private", "limited"], "ltd"),
    (&["free", "zone", "establishment"], "fze"),
    (&["free", "zone", "company"], "fzc"),
    (&["gesellschaft", "mit", "beschrankter", "haftung"], "gmbh"),
    (&["sp", "z", "o", "o"], "llc"),
    (&["sp", "zoo"], "llc"),
    (&["spolka", "z", "ograniczona", "odpowiedzialnoscia"], "llc"),
    (&["spolka", "akcyjna"], "jsc"),
    (&["s", "p", "a"], "spa"),
    (&["societatea", "cu", "raspundere", "limitata"], "srl"),
    (&["sociedad", "anonima"], "sa"),
    (&["sociedad", "de", "responsabilidad", "limitada"], "srl"),
    (&["sociedad", "limitada"], "sl"),
    (&["societe", "anonyme"], "sa"),
    (&["societe", "a", "responsabilite", "limitee"], "sarl"),
    (&["societa", "per", "azioni"], "spa"),
    (&["societa", "a", "responsabilita", "limitata"], "srl"),
    (&["besloten", "vennootschap"], "bv"),
    (&["naamloze", "vennootschap"], "nv"),
    (&["obshchestvo", "s", "ogranichennoi", "otvetstvennostiu"], "ooo"),
    (&["obshchestvo", "s", "ogranichennoy", "otvetstvennostyu"], "ooo"),
    (&["obshchestvo", "s", "ogranichennoi", "otvetstvennostyu"], "ooo"),
    (&["aktsionernoe", "obshchestvo"], "ao"),
    (&["aktsionernoye", "obshchestvo"], "ao"),
    (&["sendirian", "berhad"], "bhd"),
    (&["united", "states", "of", "america"], "usa"),
    (&["united", "states"], "usa"),
    (&["us"], "usa"),
    (&["united", "kingdom"], "uk"),
    (&["united", "arab", "emirates"], "uae"),
];

const DESCRIPTORS: &[&str] = &[
    "agency", "agricola", "air", "airlines", "airways", "association", "authority", "aviation",
    "banco", "bank", "banking", "bureau", "business", "capital", "center", "centre", "chemical",
    "comercial", "comercializadora", "commerce", "commercial", "committee", "construction",
    "constructora", "consulting", "council", "department", "development", "directorate",
    "distribuidora", "electronics", "empresa", "energy", "engineering", "enterprise",
    "enterprises", "establishment", "exchange", "export", "finance", "financial", "force",
    "forces", "foundation", "fund", "gas", "general", "global", "group", "grupo", "holding",
    "holdings", "import", "industrial", "industries", "industry", "institute", "insurance",
    "international", "internacional", "inversiones", "investment", "investments", "line",
    "lines", "logistics", "management", "manufacturing", "marine", "maritime", "market",
    "ministry", "national", "office", "oil", "organisation", "organization", "partners",
    "petroleum", "products", "properties", "research", "securities", "security", "service",
    "services", "servicios", "shipping", "solutions", "state", "systems", "tech", "technologies",
    "technology", "trade", "traders", "trading", "transport", "transportation", "travel", "trust",
    "university", "works", "world",
];

/// Spellings of one given name or surname across romanisations and languages.
const VARIANTS: &[&[&str]] = &[
    &["muhammad", "mohammed", "mohamed", "mohammad", "mohamad", "muhammed", "muhamad", "muhamed",
      "mehmet", "mahomet", "mohamud", "maxamed", "mohd", "mochammad", "mokhammad", "magomed", "mamadou"],
    &["ahmad", "ahmed", "ahmet", "akhmad", "akhmed", "akhmat", "axmed", "achmad"],
    &["yusuf", "yousef", "youssef", "yusif", "yousuf", "yusef", "yousif", "youssouf", "jusuf", "joseph"],
    &["hussein", "husayn", "husein", "hussain", "hosein", "hossein", "hoseyn", "huseyin",
      "houssein", "husain", "hussayn", "khusein", "hossain", "huseini"],
    &["hasan", "hassan", "hassane", "khasan", "hasson", "xasan"],
    &["abdullah", "abdallah", "abdulla", "abdalla", "abdoulaye", "abdellah", "cabdullaahi",
      "abdullahi", "abdollah"],
    &["alexander", "aleksandr", "aleksander", "alexandr", "alexandre", "aleksandar",
      "oleksandr", "aliaksandr"],
    &["dmitri", "dmitry", "dmitrii", "dimitri", "dmitriy", "dzmitry", "dmytro", "dimitrios"],
    &["sergei", "sergey", "sergej", "sergi", "serhii", "serhiy", "siarhei", "sergejs"],
    &["yevgeny", "evgeny", "evgenii", "yevgeniy", "evgeniy", "yevgeni", "evgeni", "eugene", "eugenio",
      "yevhen", "eugen"],
    &["khalid", "khaled", "halid", "haled", "kaled", "xalid", "chalid"],
    &["qasim", "kasim", "kassem", "qassem", "kassim", "qasem", "ghassem", "gasim", "qassim", "casim"],
    &["zhang", "chang"],
    &["li", "lee", "ri", "rhee", "yi", "lei"],
    &["wang", "wong", "vang"],
    &["chen", "chan", "tan"],
    &["gaddafi", "qaddafi", "kadafi", "khadafy", "qadhafi", "gadhafi", "kaddafi", "qadafi", "gathafi"],
    &["usama", "osama", "oussama", "ussama", "usamah", "ousama"],
    &["jaber", "jabir", "gaber", "jabr", "djaber", "gabir"],
    &["nasser", "nasir", "naser", "nassir", "nacer", "nasr"],
    &["umar", "omar", "oumar", "omer", "amar"],
    &["uthman", "othman", "osman", "ousmane", "usman", "usmane", "outhman", "ozman"],
    &["ibrahim", "ebrahim", "brahim", "ibragim", "ibraheem", "ibrahima"],
    &["ismail", "ismael", "ishmael", "esmail", "esmaeil", "ismaeel", "smail", "ismayil"],
    &["ishaq", "ishak", "eshaq", "ishaak"],
    &["yaqub", "yaqoub", "yakub", "yakoub", "yaqoob"],
    &["musa", "moussa", "mousa"],
    &["isa", "issa", "eisa", "essa"],
    &["dawud", "daoud", "dawood", "daud", "davud", "davood", "dawod"],
    &["sulayman", "suleiman", "sulaiman", "soleiman", "suleyman", "souleymane", "soliman",
      "soleimani", "sulejman"],
    &["mustafa", "mostafa", "moustafa", "mustapha", "mostapha"],
    &["mahmud", "mahmoud", "mahmood", "mehmood", "makhmud", "machmud"],
    &["salih", "saleh", "salah", "salikh", "salehi"],
    &["said", "saeed", "saeid", "sayeed", "saiid", "saed", "seyid"],
    &["rahman", "rehman", "rakhman", "raman"],
    &["karim", "kareem", "kerim", "carim"],
    &["rashid", "rasheed", "rashed", "rachid", "rasid", "reshid"],
    &["tariq", "tarik", "tarek", "tareq", "tariku"],
    &["jamal", "gamal", "djamel", "jamel", "cemal", "djamal", "jamaal", "dzhamal"],
    &["faisal", "faysal", "feisal", "faycal", "fayssal"],
    &["bashar", "bachar", "bashshar", "bassar"],
    &["bashir", "basheer", "bachir", "besir"],
    &["hamid", "hameed", "khamid", "hamed", "hamead"],
    &["aziz", "azeez", "asis", "azis"],
    &["rauf", "raouf", "rauof", "raof"],
    &["zayd", "zaid", "zeid", "zayed", "zied"],
    &["walid", "waleed", "oualid", "valid", "velid"],
    &["khan", "han", "xan"],
    &["vladimir", "volodymyr", "wladimir", "uladzimir", "wolodymyr", "volodimir", "vladimirs"],
    &["nikolai", "nikolay", "nikolaj", "mykola", "nikola", "mikalai"],
    &["mikhail", "mykhailo", "mikhael", "mihail", "michail", "mikhayil"],
    &["andrei", "andrey", "andrej", "andrii", "andriy"],
    &["alexei", "alexey", "aleksei", "aleksey", "oleksii", "oleksiy", "alexis", "alyaksei"],
    &["yuri", "yury", "yuriy", "iurii", "yurii", "jurij", "juri"],
    &["pavel", "pavlo"],
    &["petr", "pyotr", "petro"],
    &["viktor", "victor", "viktar", "wiktor"],
    &["igor", "ihor", "ihar"],
    &["anatoly", "anatoliy", "anatoli", "anatolii", "anatole"],
    &["konstantin", "constantin", "konstantyn", "kostiantyn"],
    &["maksim", "maxim", "maksym", "maxime"],
    &["fedor", "fyodor", "fiodor"],
    &["georgy", "georgi", "georgiy", "georgii", "giorgi"],
    &["elena", "yelena", "olena", "alena"],
    &["ekaterina", "yekaterina", "kateryna", "katerina"],
    &["elizabeth", "elisabeth"],
    &["steven", "stephen"],
    &["stefan", "stepan", "stephan"],
    &["frederick", "friedrich", "fredrik", "frederik", "fridrich", "fridrikh"],
    &["gennady", "gennadiy", "gennadi", "hennadii", "guennadi"],
    &["vasily", "vasiliy", "vasili", "vasyl"],
    &["arkady", "arkadiy", "arkadi", "arkadii"],
    &["valery", "valeriy", "valeri", "valerii", "valerijs"],
    &["gaspard", "jasper", "kaspar", "gaspar"],
    &["kim", "gim", "ghim"],
    &["park", "pak", "bak"],
    &["choi", "choe", "choy"],
    &["jung", "jong", "chong", "chung"],
    &["jang", "chang"],
    &["xi", "hsi", "shi"],
    &["jinping", "chinping"],
    &["zedong", "tsetung"],
    &["zhou", "chou", "chow"],
    &["zheng", "cheng"],
    &["huang", "hwang", "wong"],
    &["liu", "lau", "liew"],
    &["zhao", "chao"],
    &["xu", "hsu", "hsui"],
    &["guo", "kuo", "kwok"],
    &["cai", "tsai"],
    &["zhu", "chu"],
    &["abd", "abdul", "abdel", "abdal", "abdol", "abdoul", "abdu", "abdur", "abdus", "abdel", "abdil"],
    &["abu", "abou", "bu", "abo", "ebu", "aboo"],
    &["umm", "um", "oum"],
    &["din", "deen", "eddine", "uddin", "addin", "aldin", "eddin", "dine"],
    &["allah", "ullah", "ollah"],
    &["qaida", "qaeda", "qaidah", "qaedah", "kaida", "kaeda"],
    &["hizballah", "hezbollah", "hizbullah", "hizbollah", "hezballah"],
];

/// One name in several languages; bearers use them side by side, but so do different people.
const TRANSLATIONS: &[&[&str]] = &[
    &["john", "johann", "johannes", "jan", "juan", "jean", "giovanni", "joao", "ivan", "iwan", "yohanan", "ioannis", "ian", "sean", "johan", "hans", "yahya"],
    &["joseph", "josef", "jose", "giuseppe", "iosif", "yosef", "yusuf", "yousef", "youssef"],
    &["abraham", "ibrahim", "avraham", "ebrahim"],
    &["george", "georgy", "georgi", "georgiy", "georgii", "jorge", "giorgi", "georgios", "yuri", "yury", "yuriy", "jiri", "heorhii"],
    &["michael", "mikhail", "miguel", "michel", "mikael", "michele", "mihail", "mykhailo", "michal"],
    &["andrew", "andrei", "andrey", "andres", "andreas", "andrea", "andrej", "andrii"],
    &["paul", "pavel", "pablo", "paulo", "paolo", "pawel", "pavlo"],
    &["peter", "petr", "pyotr", "pedro", "pietro", "piotr", "pierre", "petro", "petar"],
    &["nicholas", "nikolai", "nikolay", "nicolas", "mykola", "nikola"],
    &["alexander", "alejandro", "alessandro", "alexandre", "aleksandr", "iskander", "oleksandr", "sasha"],
    &["sergei", "sergey", "sergio", "serge"],
    &["isaac", "ishaq", "yitzhak"],
    &["jacob", "yaqub", "jacobo", "yaqoub", "jakob"],
    &["moses", "musa", "moshe", "moussa"],
    &["david", "dawud", "daoud", "dawood"],
    &["solomon", "sulayman", "suleiman"],
    &["ismail", "ishmael"],
    &["william", "wilhelm", "guillermo", "willem", "guillaume", "bill", "will"],
    &["robert", "roberto", "bob", "rob", "bobby"],
    &["richard", "ricardo", "riccardo", "dick", "rick"],
    &["thomas", "tomas", "tommaso", "foma", "tom"],
    &["edward", "eduardo", "eduard", "ned"],
    &["henry", "enrique", "heinrich", "henri", "enrico", "henrik"],
    &["frederick", "federico", "friedrich", "frederik", "fritz", "fredrik"],
    &["charles", "carlos", "karl", "carl", "carlo", "karel"],
    &["francis", "francisco", "francesco", "franz", "frantisek", "paco", "pancho"],
    &["anthony", "antonio", "antoine", "anton", "tony", "antonius"],
    &["benjamin", "binyamin", "ben", "benny"],
    &["elizabeth", "isabel", "elizaveta", "liz", "betty", "eliza"],
    &["margaret", "margarita", "marguerite", "peggy"],
    &["stephen", "steven", "esteban", "stefan", "stepan", "steve"],
    &["lawrence", "lorenzo", "larry", "lars", "laurence"],
    &["james", "jaime", "diego", "santiago", "jim", "jimmy"],
    &["theodore", "fedor", "fyodor", "ted", "teodoro"],
    &["catherine", "catalina", "yekaterina", "ekaterina", "kateryna"],
    &["helen", "elena", "yelena", "olena", "helena", "alena"],
    &["vasily", "basil", "basile", "vasyl"],
    &["eugene", "eugenio", "yevgeny", "evgeny", "evgenii", "yevhen"],
];

const NUMBER_WORDS: &[(&str, u32)] = &[
    ("one", 1), ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7),
    ("eight", 8), ("nine", 9), ("ten", 10), ("eleven", 11), ("twelve", 12), ("thirteen", 13),
    ("fourteen", 14), ("fifteen", 15), ("sixteen", 16), ("seventeen", 17), ("eighteen", 18),
    ("nineteen", 19), ("twenty", 20), ("thirty", 30), ("forty", 40), ("fifty", 50),
    ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90), ("hundred", 100),
    ("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("fifth", 5), ("sixth", 6),
    ("seventh", 7), ("eighth", 8), ("ninth", 9), ("tenth", 10), ("1st", 1), ("2nd", 2),
    ("3rd", 3), ("ii", 2), ("iii", 3), ("iv", 4), ("vi", 6), ("vii", 7), ("viii", 8), ("ix", 9),
    ("xi", 11), ("xii", 12), ("xiii", 13), ("xiv", 14), ("xv", 15), ("xvi", 16), ("xx", 20),
];

/// Given names that carry little information alone, because millions bear them.
const COMMON: &[&str] = &[
    "muhammad", "ahmad", "ali", "hasan", "hussein", "abd", "abdullah", "ibrahim", "khan",
    "umar", "yusuf", "mustafa", "mahmud", "abu", "khalid", "said", "salim", "saleh", "rahman",
    "karim", "hamid", "aziz", "reza", "amir", "abbas", "hamza", "salman", "jamal", "kim", "li",
    "wang", "zhang", "chen", "liu", "yang", "huang", "zhao", "wu", "zhou", "xu", "sun", "ma",
    "zhu", "hu", "guo", "lin", "luo", "park", "choi", "jung", "jang", "han", "nguyen", "tran",
    "le", "pham", "hoang", "lee", "wong", "chan", "tan", "singh", "kumar", "sharma", "patel",
    "das", "gupta", "jose", "maria", "juan", "john", "mary", "david", "luis", "carlos",
    "antonio", "miguel", "francisco", "jesus", "manuel", "pedro", "ana", "rosa", "jorge",
    "garcia", "gonzalez", "rodriguez", "lopez", "hernandez", "perez", "martinez", "sanchez",
    "ramirez", "torres", "gomez", "diaz", "cruz", "flores", "rivera", "vargas", "castillo",
    "fernandez", "vasquez", "castro", "rios", "ortiz", "morales", "reyes", "moreno", "alvarez",
    "romero", "ruiz", "ivan", "vladimir", "sergei", "alexander", "nikolai", "andrei", "dmitri",
    "mikhail", "alexei", "igor", "viktor", "oleg", "yuri", "pavel", "ivanov", "petrov",
    "smirnov", "popov", "smith", "johnson", "williams", "brown", "jones", "miller", "davis",
    "taylor", "wilson", "anderson", "thomas", "jackson", "white", "harris", "martin",
    "thompson", "moore", "clark", "lewis", "robinson", "walker", "young", "king", "wright",
    "scott", "green", "baker", "adams", "james", "robert", "michael", "william", "richard",
    "joseph", "charles", "daniel", "matthew", "anthony", "mark", "paul", "steven", "george",
    "peter", "jean", "pierre", "marie", "anna", "elizabeth", "jennifer", "linda", "susan",
    "hans", "karl", "johannes", "silva", "santos", "oliveira", "souza", "pereira", "costa",
    "rossi", "muller", "schmidt", "schneider", "fischer", "weber", "mohamed", "joao",
];

/// Whether the word is a particle.
pub(super) fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word)
}

/// Whether the word is an honorific or a generational suffix.
pub(super) fn is_title(word: &str) -> bool {
    TITLES.contains(&word)
}

/// Whether the word is a prefix of ship names (`M/V`).
pub(super) fn is_vessel_prefix(word: &str) -> bool {
    VESSEL_PREFIXES.contains(&word)
}

/// The normal form of a legal form's abbreviation.
pub(super) fn legal_form(word: &str) -> Option<&'static str> {
    LEGAL_FORMS.iter().find(|(form, _)| *form == word).map(|(_, normal)| *normal)
}

/// Whether many organisations share the word.
pub(super) fn is_descriptor(word: &str) -> bool {
    DESCRIPTORS.contains(&word)
}

/// The value of a number word or Roman numeral.
pub(super) fn number_word(word: &str) -> Option<u32> {
    NUMBER_WORDS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// Classes of spellings that the word belongs to, numbered from one; at most two.
pub(super) fn variant_classes(word: &str) -> [u16; 2] {
    classes(VARIANTS, word)
}

/// Classes of translations that the word belongs to, numbered from one; at most two.
pub(super) fn translation_classes(word: &str) -> [u16; 2] {
    classes(TRANSLATIONS, word)
}

fn classes(table: &[&[&str]], word: &str) -> [u16; 2] {
    let mut classes = [0; 2];
    let mut found = 0;
    for (number, spellings) in (1_u16..).zip(table) {
        if found < classes.len() && spellings.contains(&word) {
            classes[found] = number;
            found += 1;
        }
    }
    classes
}

/// Whether the name is so common that it identifies little.
pub(super) fn is_common(word: &str, classes: [u16; 2]) -> bool {
    COMMON.contains(&word)
        || classes.iter().any(|&class| {
            class > 0 && VARIANTS[usize::from(class) - 1].iter().any(|form| COMMON.contains(form))
        })
}

/// Whether the word has the shape of an East Slavic patronymic.
pub(super) fn is_patronymic(word: &str) -> bool {
    word.len() >= 7
        && ["ovich", "evich", "ovna", "evna", "ovitch", "evitch", "ovych", "avich", "yevich"]
            .iter()
            .any(|ending| word.ends_with(ending))
}
