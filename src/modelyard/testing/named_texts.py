"""Texts with people, places and organisations whose place is known, Chinese and English.

Names are put together from lists of common ones and frames of sentences; whoever bears one of them is not meant. What
only looks like a name stands there too.
"""

from __future__ import annotations

import random
import re
from typing import Literal

from modelyard.testing.personal_texts import Labelled, Language

Style = Literal["written", "lower"]
"""As in letters and reports, or all in small letters, as in short messages."""

_SLOT = re.compile(r"<(person|given|place|organisation)>")
_WORDS = {
    "en": {
        "given": "James Mary Robert Patricia Mohammed Linda Ivan Elena Carlos Ingrid Kofi Amara Hiroshi Yuki Priya "
        "Arjun Fatima Omar Chloe Pierre Giulia Marco Anna Lukas Sofia Diego Wei Mei Olga Sven Aisha Tariq Grace Emeka",
        "family": "Smith Johnson Brown Garcia Martinez Nguyen Kim Patel Singh Ivanova Petrov Müller Schmidt Rossi "
        "Dubois Silva Santos Okafor Mensah Tanaka Suzuki Hansen Kowalski Novak Haddad Khan Wilson Taylor Zhang Chen",
        "place": "London Paris Berlin Madrid Lagos Nairobi Cairo Mumbai Delhi Tokyo Osaka Sydney Toronto Chicago "
        "Boston Denver Lima Bogotá Oslo Vienna Prague Warsaw Dublin Leeds Bristol Kenya Brazil Norway Portugal Vietnam",
        "stem": "Northwind Acme Brightwater Harlow Cobalt Meridian Redwood Larkspur Summit Ironbridge Kestrel Halcyon",
        "form": "Ltd|Inc|GmbH|Corporation|Holdings|Bank|University|Insurance|Airlines|Pharmaceuticals",
    },
    "zh": {
        "given": "伟 芳 娜 敏 静 丽 强 磊 洋 勇 军 杰 涛 明 超 霞 平 刚 桂英 秀兰 建国 "
        "志强 晓东 雨桐 子涵 欣怡 浩然 梓萱 思远 文博",
        "family": "王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 欧阳 司马",
        "place": "北京 上海 广州 深圳 成都 杭州 武汉 西安 南京 重庆 天津 苏州 郑州 长沙 青岛 大连 "
        "昆明 贵阳 浙江省 四川省",
        "stem": "华信 东方 盛达 金桥 海川 新宇 恒远 中泰 天成 博雅",
        "form": "科技有限公司|银行|大学|保险公司|集团|第一人民医院|物流有限公司",
    },
}
_FRAMES = {
    "en": (
        "<person> moved from <place> to <place> last year. ",
        "Please forward the invoice to <person> at <organisation>. ",
        "I spoke with <given> on Monday about the delayed order. ",
        "<organisation> has opened a new office in <place>. ",
        "Dear <person>, thank you for your letter of March 3. ",
        "My colleague <given> will call you back. ",
        "The parcel is stuck in <place>, says <organisation>. ",
        "Regards, <person>, <organisation>, <place>. ",
        "Is <person> still working for <organisation>? ",
        "We met <given> and <given> in <place>. ",
    ),
    "zh": (
        "<person>去年从<place>搬到了<place>。",
        "请把发票转给<organisation>的<person>。",
        "我周一和<person>谈过订单延误的事。",
        "<organisation>在<place>开设了新的办事处。",
        "尊敬的<person>先生，感谢您三月三日的来信。",
        "我的同事<person>会给您回电话。",
        "<organisation>说包裹还在<place>。",
        "联系人：<person>，单位：<organisation>，地址：<place>。",
        "<person>还在<organisation>上班吗？",
        "我们在<place>见到了<person>和<person>。",
    ),
}
_OTHERS = {
    "en": (
        "The Order was late again on Friday. ",
        "Thanks a lot! ",
        "Please restart Windows and open the Settings. ",
        "See Chapter 4 of the User Guide. ",
        "Your balance is 42.50 until December. ",
    ),
    "zh": (
        "订单又晚了。",
        "谢谢！",
        "请重新启动电脑并打开设置。",
        "请看用户手册第四章。",
        "余额四十二元，有效期到十二月。",
    ),
}


def corpus(texts: int, seed: int, language: Language, style: Style = "written") -> list[Labelled]:
    """Each text has one or two sentences with names and at most one without; a few have none with names."""
    source = random.Random(seed)
    return [_text(source, language, style) for _ in range(texts)]


def _text(source: random.Random, language: Language, style: Style) -> Labelled:
    frames = source.sample(_FRAMES[language], source.choice((0, 1, 1, 2, 2)))
    sentences = [*frames, *source.sample(_OTHERS[language], source.randint(0, 1))]
    source.shuffle(sentences)
    text, truth, done = "", [], 0
    template = "".join(sentences)
    for slot in _SLOT.finditer(template):
        text += template[done : slot.start()]
        made = _name(source, language, slot[1])
        kind = "person" if slot[1] == "given" else slot[1]
        truth.append((kind, len(text), len(text) + len(made)))
        text, done = text + made, slot.end()
    text += template[done:]
    return Labelled(text.lower() if style == "lower" else text, tuple(truth), language)


def _name(source: random.Random, language: Language, kind: str) -> str:
    words = {name: listed.split("|" if "|" in listed else None) for name, listed in _WORDS[language].items()}
    if kind == "organisation":
        return ("" if language == "zh" else " ").join((source.choice(words["stem"]), source.choice(words["form"])))
    if kind != "person":
        return source.choice(words[kind])
    given, family = source.choice(words["given"]), source.choice(words["family"])
    return family + given if language == "zh" else f"{given} {family}"
