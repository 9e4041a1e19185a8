// What is kept of Tabler's stylesheet: families of classes, not what the templates use today,
// so a new page needs no new build.
const words = (text) => text.trim().split(/\s+/);

const elements = words(`html body main header footer nav section article aside div span p a b strong i em u s small
  sub sup mark abbr address blockquote pre code kbd samp hr br img svg h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table
  caption thead tbody tfoot tr th td form fieldset legend label input select option optgroup textarea button output
  progress details summary time figure figcaption search`);

// A family is the class of that name and every class that begins with it and a dash.
const families = words(`small lead active disabled show subheader visually-hidden sticky-top stretched-link vr hstack
  vstack row col g gx gy card table badge avatar alert form input invalid was-validated is-invalid list breadcrumb
  pagination page-item page-link btn nav datagrid empty progress icon link markdown spinner d flex align justify gap
  m mt mb ms me mx my p pt pb ps pe px py w h min max overflow position border rounded fw fs lh text font bg cursor`);

// Parts of those families that cost much and are used nowhere: brands, every hue of everything, pickers, charts.
const hues = "blue|azure|indigo|purple|pink|orange|yellow|lime|teal|cyan|dark|light|gray|tabler|black|white|muted";
const brands =
  "facebook|twitter|x|linkedin|google|youtube|vimeo|dribbble|github|instagram|pinterest|vk|rss|flickr|bitbucket|tiktok";
const never = [
  `.*-(${brands})(-.*)?`,
  `(btn|bg|text|border|link|badge|alert|avatar|list-group-item)-(outline-|ghost-|gradient-)?(${hues})(-.*)?`,
  "(btn|card|table|nav|avatar|list|text|bg|border|link|alert)-.*-(fg|subtle|emphasis|opacity.*|rgb)",
  "(bg|text|border|link)-(opacity|gradient|offset|underline).*",
  "form-(image|color|range|fieldset|floating|selectgroup|check-highlight).*",
  "btn-(ghost|loading|animate|pill|square|floating|avatar).*",
  "card-(stacked|rotate|img|cover|stamp|chart|sponsor|group|deck|tabs|header-tabs|header-pills|gradient|glass).*",
  "nav-(segmented|bordered|fill|justified|pills|underline|cards).*",
  "avatar-(cover|brand|upload|list).*",
  "list-(timeline|group-horizontal|group-numbered|group-card).*",
  "table-(primary|secondary|success|info|warning|danger|selectable|transparent|mobile.*)",
  "col-xxl.*",
  "(m|mt|mb|ms|me|mx|my|p|pt|pb|ps|pe|px|py|w|h|g|gx|gy|gap|text|align|border|rounded|position)-(sm|md|lg|xl|xxl|print)-.*",
].map((pattern) => new RegExp(`^${pattern}$`));

exports.kept = (name) =>
  elements.includes(name) ||
  (families.some((family) => name === family || name.startsWith(`${family}-`)) &&
    !never.some((pattern) => pattern.test(name)));
