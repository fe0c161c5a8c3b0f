"""What each number of the Agreement page says, in plain words: how to read it, when it misleads, where it is from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """One number of the page."""

    title: str
    """Short, the head of a column."""
    name: str
    says: str
    reading: str
    """What high and low values mean, and when not to trust them."""
    source: str = ""


EXPLAINED: dict[str, Explained] = {
    "facs_index": Explained(
        "FACS index",
        "FACS agreement index",
        "Of all action units that two people scored as present on a face, the share that both of them scored: twice "
        "the shared ones over all that either scored. It is averaged over pairs of people, then over faces.",
        "1 means that everybody scored the same units, 0 that no unit was shared. The FACS test asks for 0.70. Where "
        "both scored nothing the formula has no answer; here it counts as agreement.",
        "Ekman, Friesen & Hager 2002, Investigator's Guide",
    ),
    "items": Explained(
        "Faces",
        "Faces with at least two answers",
        "How many faces two or more people marked as present or absent for this action unit. Unsure, not visible and "
        "unanswered do not count, and neither do known faces.",
        "With fewer than about 30 faces every number in the row is a guess; look at the interval, not at the value.",
    ),
    "prevalence": Explained(
        "Present",
        "Prevalence",
        "The share of all these marks that say present.",
        "Read it together with the others: near 0 % or 100 % raw agreement is high by itself, and the kappas fall "
        "although people hardly differ.",
    ),
    "raw_agreement": Explained(
        "Agree",
        "Raw agreement",
        "Take two people who marked the same face: how often they say the same, averaged over faces.",
        "Easy to read, but it is high for rare units even if nobody can see them, because all say absent.",
        "Observed agreement of Fleiss 1971",
    ),
    "cohen_kappa": Explained(
        "Cohen",
        "Cohen's kappa",
        "Agreement beyond chance of two people, chance being how often each of them says present. With more than two "
        "people it is the mean over pairs, weighted by the faces they share.",
        "1 is perfect, 0 is what chance gives, below 0 is worse than chance. It collapses when a unit is very rare.",
        "Cohen 1960",
    ),
    "fleiss_kappa": Explained(
        "Fleiss",
        "Fleiss' kappa",
        "Agreement beyond chance of any number of people, chance being how often present is said by all together.",
        "Read it like Cohen's kappa. It treats people as exchangeable, so it does not mind who answered which face.",
        "Fleiss 1971",
    ),
    "randolph_kappa": Explained(
        "Randolph",
        "Randolph's kappa",
        "Agreement beyond chance when chance is a coin: one half for present and absent each.",
        "It does not collapse when a unit is rare, and is too kind then. Far above Fleiss' kappa means that the unit "
        "is rare, not that people are good at it.",
        "Randolph 2005",
    ),
    "alpha_nominal": Explained(
        "Alpha",
        "Krippendorff's alpha, present or absent",
        "Agreement beyond chance for any number of people and any missing answers, with a correction for few faces.",
        "0.80 and more is a common demand, 0.67 the least to draw cautious conclusions from. The bar is the 95 % "
        "interval from drawing faces anew 500 times: a long bar means that more faces are needed.",
        "Krippendorff 2011",
    ),
    "alpha_ordinal": Explained(
        "Alpha A–E",
        "Krippendorff's alpha, intensity",
        "The same for the intensity, absent being 0 and A to E the steps above; one step apart counts less than four.",
        "Read it like alpha. It needs people who rate intensities; present without a letter is left out.",
        "Krippendorff 2011, ordinal distance",
    ),
    "sensitivity": Explained(
        "Sensitivity",
        "Sensitivity",
        "When the unit is there, how often this person says present. What is there is estimated from everybody's "
        "answers together, and known where a reviewer or a known face says so.",
        "1 is best. Low: the person overlooks movements.",
        "Dawid & Skene 1979",
    ),
    "specificity": Explained(
        "Specificity",
        "Specificity",
        "When the unit is not there, how often this person says absent.",
        "1 is best. Low: the person sees movements that are not there.",
        "Dawid & Skene 1979",
    ),
    "informedness": Explained(
        "Informedness",
        "Informedness",
        "Sensitivity plus specificity minus 1, averaged over the action units they judged.",
        "1 is always right, 0 is what a coin or always the same answer gives, below 0 is mostly the wrong way round.",
        "Youden 1950",
    ),
    "gold": Explained(
        "Known faces",
        "Accuracy on known faces",
        "Of the marks this person gave on faces whose answer is known, the share that is right.",
        "The most direct number there is; the small one beside it says on how many marks it rests.",
    ),
    "seconds": Explained(
        "Time",
        "Time on a face",
        "The median of the seconds spent on a face.",
        "Very short times with low informedness are clicks without looking.",
    ),
    "expired": Explained(
        "Let go",
        "Faces let go",
        "Faces that were handed out and came back because the time was over.",
        "Many of them: the person was interrupted often, or the time for a face is too short.",
    ),
}
"""Number of a report -> its explanation; the page has a test that none is missing."""
