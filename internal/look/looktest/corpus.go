package looktest

import "strings"

// Corpus is what a platform may say to get out of the place it is given.
var Corpus = []string{
	`<script>window.pwned=1</script>`,
	`</script><script>window.pwned=1</script>`,
	`<!--<script>`, `--><script>window.pwned=1</script>`,
	`"><img src=x onerror="window.pwned=1">`,
	`' onmouseover='window.pwned=1' x='`,
	`<svg/onload=window.pwned=1>`,
	`</title></style></textarea><script>window.pwned=1</script>`,
	`</li></ul></details><iframe src="https://evil.example/"></iframe>`,
	`<a href="javascript:window.pwned=1">x</a>`,
	`<link rel=stylesheet href="https://evil.example/x.css"><base href="https://evil.example/">`,
	`<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
	`<style>@import "https://evil.example/x.css"; body{display:none}</style>`,
	`]]><x/>`, `&lt;&#60;&amp;`, `{{.Run.Seed}}`, "${window.pwned=1}",
	"]}\n</script><script>window.pwned=1</script>",
	"\u2028window.pwned=1\u2029", "\x00\x01\x1b[31mred\x1b[0m\x7f", "\xff\xfe invalid", "\u202egpj.exe\u202c", "\x7f\u0085\u009b31m\ufffe\uffff",
	"![x](https://evil.example/x.png) [x](https://evil.example/) https://evil.example/ www.evil.example @everyone #1",
	"``` \n```\n# heading\n\n<img src=https://evil.example/x.png>\n", "`` ` ````` x", "| a | b |\n| --- | --- |\n\\| \\\\| |",
	"` [x](https://evil.example/) `", "`` <img src=https://evil.example/x.png> ``",
	"a | [x](https://evil.example/) | b", `a \| [x](https://evil.example/) | b`, `a \\| [x](https://evil.example/) | b`,
	"x,file=pwned,endLine=9,col=1:2::pwned",
	"</pre></code></details>\n\n<img src=https://evil.example/x.png>\n\n- item",
	"::error file=x::pwned", "\n::add-mask::pwned\n", "\r\n##[error]pwned", "x%0A::error::pwned",
	"\nok 99 - pwned\nnot ok 100 - pwned\n1..0\nBail out! pwned # SKIP", "a # SKIP", "b # TODO", "\n  ...\n", "\n  ---\n",
	strings.Repeat("A", 20_000), strings.Repeat("é", 9_999), strings.Repeat("`", 5_000), strings.Repeat("|\\", 3_000),
}
