"""What a made-up province is made of: regions (codes and names of GB/T 2260), agencies, systems, sources."""

from typing import Final

from guardian.model.estate import LocalText
from guardian.model.fleet import Region


def _region(code: str, zh: str, en: str) -> Region:
    return Region(code=code, name=LocalText(zh=zh, en=en))


REGIONS: Final = (
    _region("520000", "贵州省", "Guizhou"),
    _region("520100", "贵阳市", "Guiyang"),
    _region("520102", "南明区", "Nanming"),
    _region("520103", "云岩区", "Yunyan"),
    _region("520111", "花溪区", "Huaxi"),
    _region("520112", "乌当区", "Wudang"),
    _region("520113", "白云区", "Baiyun"),
    _region("520115", "观山湖区", "Guanshanhu"),
    _region("520121", "开阳县", "Kaiyang"),
    _region("520181", "清镇市", "Qingzhen"),
    _region("520200", "六盘水市", "Liupanshui"),
    _region("520201", "钟山区", "Zhongshan"),
    _region("520203", "六枝特区", "Liuzhi"),
    _region("520281", "盘州市", "Panzhou"),
    _region("520300", "遵义市", "Zunyi"),
    _region("520302", "红花岗区", "Honghuagang"),
    _region("520303", "汇川区", "Huichuan"),
    _region("520304", "播州区", "Bozhou"),
    _region("520322", "桐梓县", "Tongzi"),
    _region("520400", "安顺市", "Anshun"),
    _region("520402", "西秀区", "Xixiu"),
    _region("520403", "平坝区", "Pingba"),
    _region("520500", "毕节市", "Bijie"),
    _region("520502", "七星关区", "Qixingguan"),
    _region("520521", "大方县", "Dafang"),
    _region("520600", "铜仁市", "Tongren"),
    _region("520602", "碧江区", "Bijiang"),
    _region("522300", "黔西南布依族苗族自治州", "Qianxinan"),
    _region("522301", "兴义市", "Xingyi"),
    _region("522600", "黔东南苗族侗族自治州", "Qiandongnan"),
    _region("522601", "凯里市", "Kaili"),
    _region("522700", "黔南布依族苗族自治州", "Qiannan"),
    _region("522701", "都匀市", "Duyun"),
)
NETWORKS: Final = ("office", "business", "second-level")

AGENCIES: Final = (
    ("hrss", "人力资源和社会保障厅", "Human Resources and Social Security"),
    ("health", "卫生健康委员会", "Health Commission"),
    ("education", "教育厅", "Education"),
    ("finance", "财政厅", "Finance"),
    ("justice", "司法厅", "Justice"),
    ("civil-affairs", "民政厅", "Civil Affairs"),
    ("natural-resources", "自然资源厅", "Natural Resources"),
    ("ecology", "生态环境厅", "Ecology and Environment"),
    ("housing", "住房和城乡建设厅", "Housing and Urban-Rural Development"),
    ("transport", "交通运输厅", "Transport"),
    ("water", "水利厅", "Water Resources"),
    ("agriculture", "农业农村厅", "Agriculture and Rural Affairs"),
    ("commerce", "商务厅", "Commerce"),
    ("culture", "文化和旅游厅", "Culture and Tourism"),
    ("emergency", "应急管理厅", "Emergency Management"),
    ("audit", "审计厅", "Audit"),
    ("market", "市场监督管理局", "Market Regulation"),
    ("statistics", "统计局", "Statistics"),
    ("medical-insurance", "医疗保障局", "Healthcare Security"),
    ("big-data", "大数据发展管理局", "Big Data Development"),
    ("forestry", "林业局", "Forestry"),
    ("sports", "体育局", "Sport"),
    ("archives", "档案馆", "Archives"),
    ("veterans", "退役军人事务厅", "Veterans Affairs"),
    ("energy", "能源局", "Energy"),
)
"""Id, Chinese and English name."""

SYSTEMS: Final = (
    ("portal", "门户网站", "Portal", 2),
    ("approvals", "行政审批", "Approvals", 3),
    ("documents", "公文流转", "Document exchange", 2),
    ("registry", "基础信息库", "Registry", 3),
    ("payments", "资金支付", "Payments", 3),
    ("casework", "业务办理", "Casework", 3),
    ("statistics", "统计分析", "Statistics", 2),
    ("mail", "电子邮件", "Mail", 2),
    ("video", "视频会议", "Video conferences", 2),
    ("exchange", "数据共享交换", "Data exchange", 3),
    ("hotline", "服务热线", "Hotline", 2),
    ("inspection", "执法检查", "Inspection", 2),
)
"""Id, Chinese and English name, MLPS level."""
SOURCES: Final = (("documents", "files"), ("core-db", "postgresql"), ("attachments", "files"), ("reports-db", "mysql"))
"""Id and kind, the first of them on every host."""
