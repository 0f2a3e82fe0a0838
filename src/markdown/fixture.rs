//! What the tests of this module share.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::markdown::document::Document;
use crate::markdown::layout::{Glyphs, TextLayout};

/// An answer with everything in it.
pub(super) const ANSWER: &str = "\
# Ring buffers

A **ring buffer** is a *fixed-size* queue, see [the article](https://example.org/ring) or <https://example.org/>.
Its ~~length~~ `capacity` never changes.

1. The writer puts an item at `head`.
2. The reader takes it from `tail`.
   - Both wrap around.
   - Neither waits.
10. Nothing is copied.

- [x] lock-free
- [ ] growable

| Operation | Cost | 說明 |
|:----------|-----:|------|
| push      | O(1) | 寫入一個元素，不會等待，也不會配置記憶體。 |
| pop       | O(1) | 讀取 |

> A quote with
> two lines.
>
> > And one within.

```rust
fn push(&mut self, item: T) -> Result<(), T> {
\tself.slots[self.head] = item;

    Ok(())
}
```

---

**重點：**環形緩衝區的容量固定。

![a diagram](ring.png) <b>raw</b> &lt;tag&gt;
";

/// The answer as it is drawn in 60 columns.
pub(super) const ANSWER_AT_60: &str = "\
Ring buffers

A ring buffer is a fixed-size queue, see the article
(https://example.org/ring) or https://example.org/. Its
length capacity never changes.

1. The writer puts an item at head.
2. The reader takes it from tail.
   • Both wrap around.
   • Neither waits.
3. Nothing is copied.

[x] lock-free
[ ] growable

Operation │ Cost │ 說明
──────────┼──────┼──────────────────────────────────────────
push      │ O(1) │ 寫入一個元素，不會等待，也不會配置記憶
          │      │ 體。
pop       │ O(1) │ 讀取

│ A quote with two lines.
│
│ │ And one within.

rust
fn push(&mut self, item: T) -> Result<(), T> {
    self.slots[self.head] = item;

    Ok(())
}

────────────────────────────────────────────────────────────

重點：環形緩衝區的容量固定。

[image: a diagram](ring.png) <b>raw</b> <tag>
";

/// The answer as it is drawn in 28 columns.
pub(super) const ANSWER_AT_28: &str = "\
Ring buffers

A ring buffer is a
fixed-size queue, see the
article
(https://example.org/ring)
or https://example.org/. Its
length capacity never
changes.

1. The writer puts an item
   at head.
2. The reader takes it from
   tail.
   • Both wrap around.
   • Neither waits.
3. Nothing is copied.

[x] lock-free
[ ] growable

Operation: push
Cost: O(1)
說明: 寫入一個元素，不會等
待，也不會配置記憶體。

Operation: pop
Cost: O(1)
說明: 讀取

│ A quote with two lines.
│
│ │ And one within.

rust
fn push(&mut self, item: T)↩
 -> Result<(), T> {
    self.slots[self.head] =↩
 item;

    Ok(())
}

────────────────────────────

重點：環形緩衝區的容量固定。

[image: a diagram](ring.png)
<b>raw</b> <tag>
";

/// Stands for the sanitizer of the user interface.
pub(super) fn sanitize(text: &str) -> Cow<'_, str> {
    text.replace(|character: char| character.is_control() && character != '\n' && character != '\t', "")
        .into()
}

pub(super) fn layout(columns: usize) -> TextLayout {
    TextLayout { columns, glyphs: Glyphs::Unicode, sanitize }
}

/// Returns a text as it is drawn, without styles.
pub(super) fn plain(source: &str, columns: usize) -> String {
    let mut document = Document::default();
    document.push(source);
    document.finish();
    text_of(&mut document, columns)
}

pub(super) fn text_of(document: &mut Document, columns: usize) -> String {
    document.lay_out(&layout(columns));
    document.lines_from(0).map(|line| line.text() + "\n").collect()
}

/// Emphasis next to Chinese, Japanese and Korean text, as the CJK-friendly specification has it.
pub(super) const CJK: &str = "\
**中文。**后文
他说**“你好”**然后
**注意：**正文
這是**「重點」**內容
~~删除（带括号）。~~这个
*斜体。*后
**中文**。
日本語**(強調)**
これは**私のやりたかったこと。**だからするの。
**[製品ほげ](./product-foo)**と**[製品ふが](./product-bar)**をお試しください
カッコに注意**（太字にならない）**文が続く場合に要警戒。
先頭の**`コード`も注意。**
**末尾の`コード`**も注意。
税込**¥10,000**で入手できます。
正解は**④**です。
太郎は**\"Hello\"**といった
**C#**や**F#**は**「.NET」**というプラットフォーム上で動作します。
**⻲田太郎**と申します
私は**⻲田太郎**と申します
選択肢**㋐**: 1つ目の選択肢
**真“**她
真**（她**
**真—**她
**真～**她
**真…**她
**真·**她
**真，** 她
.NET**（.NET Frameworkは不可）**では、
葛\u{e0100}**(こちらが正式表記)**城市
大塚\u{fe00}**(U+585A U+FE00)** 大塚**(U+FA10)**
国際規格**[ECMA-262](https://tc39.es/ecma262/)**
あ𛀙**(か)**よろし
**推荐几个框架：**React、Vue等前端框架。
**이 [링크](https://example.kr/)**만을 강조하고 싶다.
**스크립트(script)**라고
패키지를 발행하려면 **`npm publish`**를 실행하십시오.
a**〽**a
a**🈂**a
a**㊗**a";

/// Blocks of Markdown, ordinary and broken, that stand one below another.
pub(super) fn markdown() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "",
        "",
        "",
        "text",
        "a **bold** word",
        "*half",
        "`half",
        "# Heading",
        "Title\n===",
        "Title\n---",
        "---",
        "***",
        "- item",
        "* star",
        "  - nested",
        "    deeper",
        "1. one",
        "10) ten",
        "2. two",
        "   under",
        "- [ ] task",
        "```",
        "```rust",
        "~~~",
        "````",
        "  ```",
        "   - ```",
        "let x = 1;",
        "\tlet tab = 2;",
        "    indented code",
        "> quote",
        "> > deep",
        "> - list in quote",
        "> ```",
        "|a|b|",
        "|-|-:|",
        "|1|**2**|",
        "| 中文 | a long cell of text |",
        "[link](https://example.org)",
        "[ref]",
        "[ref]: https://example.org",
        "[^1]",
        "[^1]: note",
        "<div>",
        "</div>",
        "<!-- comment",
        "-->",
        "**中文。**后文",
        "👩\u{200d}👩\u{200d}👧 family",
        "\\(x_1\\)",
        "$$",
        "\\[",
        "hard  ",
        "back\\",
        "&amp;&#27;",
        "averyveryverylongwordwithoutanyspaces",
    ]);
    prop::collection::vec(line, 0..14).prop_map(|lines| lines.join("\n"))
}
