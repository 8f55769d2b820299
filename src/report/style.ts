/** How a report looks, on screens and on paper. */

export const STYLE = `
:root { color-scheme: light; }
body { margin: 0; background: #ffffff; color: #24292f; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.75rem; border-bottom: 1px solid #d8dee4; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
dt { color: #57606a; font-size: 0.875rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; }
figure svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #57606a; padding: 0.25rem 0; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #d8dee4; overflow-wrap: anywhere; }
th[scope="row"], th:first-child { text-align: left; font-weight: 400; }
thead th { font-weight: 600; vertical-align: bottom; }
.wide { overflow-x: auto; }
.matrix th, .matrix td { border: 1px solid #ffffff; padding: 0.15rem 0.4rem; font-size: 0.875rem; text-align: center; }
.matrix th[scope="row"] { text-align: left; white-space: nowrap; }
.matrix thead th { font-weight: 400; }
.matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.matrix .none { color: #57606a; }
.pictures { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; }
.pictures p { margin: 0.15rem 0; overflow-wrap: anywhere; }
.pictures img { width: 10rem; height: 10rem; object-fit: contain; image-rendering: auto; background: #f6f8fa; }
.small { color: #57606a; font-size: 0.875rem; }
@media print { section { break-inside: avoid-page; } }
`;
