"""What pages cite, with links, and how to cite bnmatrix."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes:
        names: its authors as texts cite it, such as "Ioffe & Szegedy".
        year: its year, as texts cite it.
        authors, title, venue: its entry in the bibliography.
        doi: its digital object identifier.
    """

    names: str
    year: int
    authors: str
    title: str
    venue: str
    doi: str

    @property
    def anchor(self) -> str:
        """The id of its entry on a page."""
        names = re.findall("[a-z]+", self.names.lower())
        return f"ref-{'-'.join(names)}-{self.year}"

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a citation looks like in escaped text: "Wu & He 2018", "Wu and He (2018)"."""
        names = re.escape(self.names).replace(r"\&", "(?:&amp;|and)")
        names = names.replace(r"et\ al\.", r"(?:et al\.|and others)").replace(r"\ ", r"\s")
        return re.compile(rf"(?<![\w,] ){names},? \(?{self.year}\)?")


#: The publications, by year.
REFERENCES = (
    Reference(
        "Nadeau & Bengio",
        2003,
        "C. Nadeau, Y. Bengio",
        "Inference for the Generalization Error",
        "Machine Learning 52",
        "10.1023/A:1024068626366",
    ),
    Reference(
        "Smyth",
        2004,
        "G. K. Smyth",
        "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in "
        "Microarray Experiments",
        "Statistical Applications in Genetics and Molecular Biology 3",
        "10.2202/1544-6115.1027",
    ),
    Reference(
        "He et al.",
        2015,
        "K. He, X. Zhang, S. Ren, J. Sun",
        "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet "
        "Classification",
        "ICCV 2015",
        "10.48550/arXiv.1502.01852",
    ),
    Reference(
        "Ioffe & Szegedy",
        2015,
        "S. Ioffe, C. Szegedy",
        "Batch Normalization: Accelerating Deep Network Training by Reducing Internal "
        "Covariate Shift",
        "ICML 2015",
        "10.48550/arXiv.1502.03167",
    ),
    Reference(
        "Ba, Kiros & Hinton",
        2016,
        "J. L. Ba, J. R. Kiros, G. E. Hinton",
        "Layer Normalization",
        "arXiv",
        "10.48550/arXiv.1607.06450",
    ),
    Reference(
        "Gitman & Ginsburg",
        2017,
        "I. Gitman, B. Ginsburg",
        "Comparison of Batch Normalization and Weight Normalization Algorithms for the "
        "Large-scale Image Classification",
        "arXiv",
        "10.48550/arXiv.1709.08145",
    ),
    Reference(
        "Guo et al.",
        2017,
        "C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger",
        "On Calibration of Modern Neural Networks",
        "ICML 2017",
        "10.48550/arXiv.1706.04599",
    ),
    Reference(
        "Hoffer, Hubara & Soudry",
        2017,
        "E. Hoffer, I. Hubara, D. Soudry",
        "Train Longer, Generalize Better: Closing the Generalization Gap in Large Batch Training "
        "of Neural Networks",
        "NeurIPS 2017",
        "10.48550/arXiv.1705.08741",
    ),
    Reference(
        "Ioffe",
        2017,
        "S. Ioffe",
        "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models",
        "NeurIPS 2017",
        "10.48550/arXiv.1702.03275",
    ),
    Reference(
        "Keskar et al.",
        2017,
        "N. S. Keskar, D. Mudigere, J. Nocedal, M. Smelyanskiy, P. T. P. Tang",
        "On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima",
        "ICLR 2017",
        "10.48550/arXiv.1609.04836",
    ),
    Reference(
        "Mishkin, Sergievskiy & Matas",
        2017,
        "D. Mishkin, N. Sergievskiy, J. Matas",
        "Systematic Evaluation of Convolution Neural Network Advances on the ImageNet",
        "Computer Vision and Image Understanding 161",
        "10.1016/j.cviu.2017.05.007",
    ),
    Reference(
        "van Laarhoven",
        2017,
        "T. van Laarhoven",
        "L2 Regularization versus Batch and Weight Normalization",
        "arXiv",
        "10.48550/arXiv.1706.05350",
    ),
    Reference(
        "Bjorck et al.",
        2018,
        "J. Bjorck, C. Gomes, B. Selman, K. Q. Weinberger",
        "Understanding Batch Normalization",
        "NeurIPS 2018",
        "10.48550/arXiv.1806.02375",
    ),
    Reference(
        "Izmailov et al.",
        2018,
        "P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov, A. G. Wilson",
        "Averaging Weights Leads to Wider Optima and Better Generalization",
        "UAI 2018",
        "10.48550/arXiv.1803.05407",
    ),
    Reference(
        "Jacob et al.",
        2018,
        "B. Jacob, S. Kligys, B. Chen, M. Zhu, M. Tang, A. Howard, H. Adam, D. Kalenichenko",
        "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only "
        "Inference",
        "CVPR 2018",
        "10.48550/arXiv.1712.05877",
    ),
    Reference(
        "Li et al.",
        2018,
        "X. Li, S. Chen, X. Hu, J. Yang",
        "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift",
        "CVPR 2019",
        "10.48550/arXiv.1801.05134",
    ),
    Reference(
        "Masters & Luschi",
        2018,
        "D. Masters, C. Luschi",
        "Revisiting Small Batch Training for Deep Neural Networks",
        "arXiv",
        "10.48550/arXiv.1804.07612",
    ),
    Reference(
        "Santurkar et al.",
        2018,
        "S. Santurkar, D. Tsipras, A. Ilyas, A. Mądry",
        "How Does Batch Normalization Help Optimization?",
        "NeurIPS 2018",
        "10.48550/arXiv.1805.11604",
    ),
    Reference(
        "Wu & He",
        2018,
        "Y. Wu, K. He",
        "Group Normalization",
        "ECCV 2018",
        "10.48550/arXiv.1803.08494",
    ),
    Reference(
        "Arora, Li & Lyu",
        2019,
        "S. Arora, Z. Li, K. Lyu",
        "Theoretical Analysis of Auto Rate-Tuning by Batch Normalization",
        "ICLR 2019",
        "10.48550/arXiv.1812.03981",
    ),
    Reference(
        "Loshchilov & Hutter",
        2019,
        "I. Loshchilov, F. Hutter",
        "Decoupled Weight Decay Regularization",
        "ICLR 2019",
        "10.48550/arXiv.1711.05101",
    ),
    Reference(
        "Luo et al.",
        2019,
        "P. Luo, X. Wang, W. Shao, Z. Peng",
        "Towards Understanding Regularization in Batch Normalization",
        "ICLR 2019",
        "10.48550/arXiv.1809.00846",
    ),
    Reference(
        "Shallue et al.",
        2019,
        "C. J. Shallue, J. Lee, J. Antognini, J. Sohl-Dickstein, R. Frostig, G. E. Dahl",
        "Measuring the Effects of Data Parallelism on Neural Network Training",
        "Journal of Machine Learning Research 20",
        "10.48550/arXiv.1811.03600",
    ),
    Reference(
        "Yang et al.",
        2019,
        "G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. S. Schoenholz",
        "A Mean Field Theory of Batch Normalization",
        "ICLR 2019",
        "10.48550/arXiv.1902.08129",
    ),
    Reference(
        "Zhang et al.",
        2019,
        "G. Zhang, C. Wang, B. Xu, R. Grosse",
        "Three Mechanisms of Weight Decay Regularization",
        "ICLR 2019",
        "10.48550/arXiv.1810.12281",
    ),
    Reference(
        "Zhang, Dauphin & Ma",
        2019,
        "H. Zhang, Y. N. Dauphin, T. Ma",
        "Fixup Initialization: Residual Learning Without Normalization",
        "ICLR 2019",
        "10.48550/arXiv.1901.09321",
    ),
    Reference(
        "Garbin, Zhu & Marques",
        2020,
        "C. Garbin, X. Zhu, O. Marques",
        "Dropout vs. batch normalization: an empirical study of their impact to deep learning",
        "Multimedia Tools and Applications 79",
        "10.1007/s11042-019-08453-9",
    ),
    Reference(
        "Wu & Johnson",
        2021,
        "Y. Wu, J. Johnson",
        'Rethinking "Batch" in BatchNorm',
        "arXiv",
        "10.48550/arXiv.2105.07576",
    ),
)

_BIBTEX = """@software{{bnmatrix,
  title   = {{bnmatrix: what batch normalization does to a network, measured}},
  author  = {{{{The bnmatrix authors}}}},
  version = {{{version}}}
}}"""


def cite(text: str) -> Markup:
    """Return a text, escaped, whose citations link to the entries of the bibliography."""
    linked = str(escape(text))
    for reference in REFERENCES:
        linked = reference.pattern.sub(rf'<a href="#{reference.anchor}">\g<0></a>', linked)
    return Markup(linked)


def cited(texts: Iterable[str]) -> list[Reference]:
    """Return the publications that texts cite, by year."""
    joined = str(escape("\n".join(texts)))
    return [reference for reference in REFERENCES if reference.pattern.search(joined)]


def bibtex(version: str) -> str:
    """Return the BibTeX entry of a version of bnmatrix."""
    return _BIBTEX.format(version=version)
